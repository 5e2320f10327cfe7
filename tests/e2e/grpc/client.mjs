/** Makes every kind of gRPC call and prints what came of each as JSON. Arguments: port, file of the authority. */
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import { service } from "./service.mjs";

const [port, caFile] = process.argv.slice(2);
const credentials = grpc.credentials.createSsl(readFileSync(caFile));
const Client = grpc.makeGenericClientConstructor(service, "opsen.Test");
const client = new Client(`localhost:${port}`, credentials);
const metadata = new grpc.Metadata();
metadata.set("x-asked", "me");

const unary = (name, message, options = {}) =>
  new Promise((resolve) => {
    let trailing = "";
    const call = client[name](message, metadata, options, (error, reply) =>
      setImmediate(() =>
        resolve(error ? { code: error.code, details: error.details } : { reply: reply.toString(), trailing }),
      ),
    );
    call.on("status", (status) => {
      trailing = status.metadata.get("x-trailing").join();
    });
    if (options.cancelAfterMs !== undefined) setTimeout(() => call.cancel(), options.cancelAfterMs);
  });

const download = () =>
  new Promise((resolve) => {
    const sizes = [];
    const call = client.download(Buffer.alloc(0), metadata);
    call.on("data", (message) => sizes.push(message.length));
    call.on("error", (error) => resolve({ code: error.code }));
    call.on("status", (status) =>
      resolve({ code: status.code, messages: sizes.length, bytes: sizes.reduce((a, b) => a + b, 0) }),
    );
  });

const upload = () =>
  new Promise((resolve) => {
    const call = client.upload(metadata, (error, reply) =>
      resolve(error ? { code: error.code } : { reply: reply.toString() }),
    );
    for (let at = 0; at < 50; at++) call.write(Buffer.alloc(10_000, at));
    call.end();
  });

/** Each message is sent only after the answer to the one before it. */
const chat = () =>
  new Promise((resolve) => {
    const heard = [];
    const call = client.chat(metadata);
    call.on("data", (message) => {
      heard.push(message.toString());
      if (heard.length < 5) call.write(Buffer.from(`m${heard.length}`));
      else call.end();
    });
    call.on("error", (error) => resolve({ code: error.code }));
    call.on("status", (status) => resolve({ code: status.code, heard }));
    call.write(Buffer.from("m0"));
  });

const outcome = {
  unary: await unary("unary", Buffer.alloc(100_000)),
  fail: await unary("fail", Buffer.alloc(1)),
  deadline: (await unary("hang", Buffer.alloc(1), { deadline: Date.now() + 300 })).code,
  cancel: (await unary("hang", Buffer.alloc(1), { cancelAfterMs: 100 })).code,
  download: await download(),
  upload: await upload(),
  chat: await chat(),
  together: (await Promise.all(Array.from({ length: 50 }, () => unary("unary", Buffer.alloc(10))))).length,
};
// The server hears of the two calls that were given up a moment later.
let last = await unary("unary", Buffer.alloc(1));
for (let at = 0; at < 100 && !last.reply.endsWith(":2"); at++) last = await unary("unary", Buffer.alloc(1));
outcome.last = last;
console.log(JSON.stringify(outcome));
client.close();
