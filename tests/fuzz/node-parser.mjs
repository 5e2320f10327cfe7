/**
 * Node's own HTTP parser (llhttp) as a filter, to be run by Node: reads requests as lines of base64, writes for each a
 * line of JSON with what it found in them. See other-parsers.ts.
 */
import { createInterface } from "node:readline";

const { HTTPParser, methods } = process.binding("http_parser");

function parse(bytes) {
  const messages = [];
  let open = null;
  let head = { fields: [], url: "" };
  const parser = new HTTPParser();
  parser.initialize(HTTPParser.REQUEST, {}, 1 << 20, 0);
  // Of a long head the first fields come here, and so do trailers, once the head is complete.
  parser[HTTPParser.kOnHeaders] = (fields, url) => {
    if (open !== null) return;
    head = { fields: [...head.fields, ...fields], url: head.url + url };
  };
  parser[HTTPParser.kOnHeadersComplete] = (_major, _minor, fields = [], method, url = "") => {
    open = {
      method: methods[method],
      url: head.url + url,
      fields: [...head.fields, ...fields],
      body: "",
      isDone: false,
    };
    head = { fields: [], url: "" };
    messages.push(open);
    return 0;
  };
  parser[HTTPParser.kOnBody] = (chunk, start = 0, length = chunk.length) => {
    // Older versions hand over the whole buffer with a place in it, newer ones the part alone.
    open.body += chunk.subarray(start, start + length).toString("latin1");
  };
  parser[HTTPParser.kOnMessageComplete] = () => {
    open.isDone = true;
    open = null;
  };
  const result = parser.execute(bytes, 0, bytes.length);
  const fault = result instanceof Error ? String(result.reason ?? result.message) : null;
  return { fault, messages };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(parse(Buffer.from(line, "base64")))}\n`);
}
