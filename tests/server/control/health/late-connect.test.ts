import { expect, test } from "bun:test";
import { connect } from "node:net";
import { parseEndpointUrl } from "../../../../core/plane/endpoint-url.ts";
import { type Probed, probe } from "../../../../server/control/health/probe.ts";

/** Says its port, then of each connection that closes how many bytes came on it. */
const LISTENER = `
const server = require("node:net").createServer((socket) => {
  let bytes = 0;
  socket.on("error", () => {});
  socket.on("data", (data) => { bytes += data.length; });
  socket.on("close", () => console.log("closed after " + bytes));
});
server.listen({ port: 0, host: "127.0.0.1" }, () => console.log(server.address().port));
`;

// The kernel of Linux drops what a full queue of connections cannot take, and the client asks again a second later.
test.if(process.platform === "linux")("a connection made after its probe is closed unused", async () => {
  await using child = Bun.spawn([process.execPath, "-e", LISTENER], { stdout: "pipe" });
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const port = Number((await output.read()).value);
  child.kill("SIGSTOP");
  const fillers = Array.from({ length: 600 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  try {
    const parsed = parseEndpointUrl(`http://127.0.0.1:${port}`);
    if (!parsed.ok) throw new Error(parsed.rule);
    const options = {
      path: "/",
      tls: { serverName: "", verify: true, ca: "" },
      names: { addressesOf: async () => ["127.0.0.1"], failed: () => {} },
      refusal: () => null,
    };
    let outcome: Probed;
    do outcome = await probe(parsed.endpoint.origin, { ...options, type: "http", timeoutMs: 50 });
    while (outcome.forsaken === undefined);
    expect(outcome).toMatchObject({ ok: false, reason: "no answer in time" });
    for (const filler of fillers) if (filler.connecting) filler.destroy();
    child.kill("SIGCONT");
    await outcome.forsaken;
    let said = "";
    while (!said.includes("closed after 0\n")) said += (await output.read()).value ?? "";
  } finally {
    for (const filler of fillers) filler.destroy();
    child.kill("SIGKILL");
  }
});
