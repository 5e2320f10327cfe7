/** A gRPC server on a free port of loopback, which it prints; ends with its input. Argument: files for TLS, if any. */
import { readFileSync } from "node:fs";
import grpc from "@grpc/grpc-js";
import { service } from "./service.mjs";

const [certFile, keyFile] = process.argv.slice(2);
const server = new grpc.Server();
let cancelled = 0;
server.addService(service, {
  unary(call, reply) {
    const metadata = new grpc.Metadata();
    metadata.set("x-trailing", "yes");
    const asked = call.metadata.get("x-asked").join();
    reply(null, Buffer.from(`${asked}:${call.request.length}:${cancelled}`), metadata);
  },
  fail(_call, reply) {
    reply({ code: grpc.status.FAILED_PRECONDITION, details: "not today, ünd \u2713" });
  },
  hang(call) {
    call.on("cancelled", () => cancelled++);
  },
  download(call) {
    for (let at = 0; at < 50; at++) call.write(Buffer.alloc(10_000, at));
    call.end();
  },
  upload(call, reply) {
    let bytes = 0;
    call.on("data", (message) => {
      bytes += message.length;
    });
    call.on("end", () => reply(null, Buffer.from(String(bytes))));
  },
  chat(call) {
    // Each message is answered while the stream of requests is still open.
    call.on("data", (message) => call.write(Buffer.concat([Buffer.from("re:"), message])));
    call.on("end", () => call.end());
  },
});
const credentials =
  certFile === undefined
    ? grpc.ServerCredentials.createInsecure()
    : grpc.ServerCredentials.createSsl(null, [
        { cert_chain: readFileSync(certFile), private_key: readFileSync(keyFile) },
      ]);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error) throw error;
  console.log(port);
});
