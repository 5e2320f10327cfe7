/** A well-behaved origin for the public catalogues: what they see of a proxy is then the proxy's own doing. */
import { header, type RawMessage } from "../support/http-message.ts";
import { answer, type Responder } from "../support/raw-backend.ts";
import type { Wire } from "../support/wire.ts";

const ALLOW = "GET, HEAD, POST, OPTIONS";

/** Answers GET and HEAD with "OK", POST with its body or, at `/echo`, with the fields that arrived. */
export const respondAsOrigin: Responder = async (request, wire) => {
  const [method = "", target = ""] = request.startLine.split(" ");
  const common = { Date: new Date().toUTCString(), "Content-Type": "text/plain" };
  switch (method) {
    case "GET":
      await answer(wire, 200, "OK", common);
      break;
    case "HEAD":
      await wire.send(`HTTP/1.1 200 OK\r\nDate: ${common.Date}\r\nContent-Length: 2\r\n\r\n`);
      break;
    case "POST":
      await answer(wire, 200, target.startsWith("/echo") ? fieldsOf(request) : request.body, common);
      break;
    case "OPTIONS":
      await wire.send(`HTTP/1.1 204 No Content\r\nDate: ${common.Date}\r\nAllow: ${ALLOW}\r\n\r\n`);
      break;
    default:
      await answer(wire, 405, "", { ...common, Allow: ALLOW });
  }
  return goesOn(request, wire);
};

function fieldsOf(request: RawMessage): string {
  return request.headers.map(([name, value]) => `${name}: ${value}\n`).join("");
}

function goesOn(request: RawMessage, wire: Wire): boolean {
  if (header(request, "connection")?.toLowerCase() !== "close") return true;
  wire.finish();
  return false;
}
