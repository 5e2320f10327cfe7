/** gRPC through the proxy, between the client and the server of the gRPC project, which run in Node. */
import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "../support/certificate.ts";
import { Child } from "../support/child.ts";
import { FakeAgent } from "../support/fake-agent.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

const FOLDER = join(import.meta.dir, "grpc");

const FAILED_PRECONDITION = 9;
const DEADLINE_EXCEEDED = 4;
const CANCELLED = 1;

test.each(["h2c", "h2"])(
  "unary, streaming, deadlines and cancellation, to an %s:// backend",
  async (scheme) => {
    const dir = makeTempDir();
    try {
      const { cert, key } = selfSigned();
      const files = { cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
      writeFileSync(files.cert, cert);
      writeFileSync(files.key, key);
      const tls = scheme === "h2" ? [files.cert, files.key] : [];
      await using service = new Child({ command: ["node", join(FOLDER, "server.mjs"), ...tls], cwd: dir });
      const port = await service.line("the port of the service", (line) => line);
      await using server = await TestServer.start({
        config: {
          tls_cert_file: files.cert,
          tls_key_file: files.key,
          tls_backend_ca_file: files.cert,
          proxy_max_request_body_bytes: 0,
        },
        ca: cert,
      });
      await FakeAgent.join(server, {
        id: "b",
        cores: 256,
        endpoint: `${scheme}://localhost:${port}`,
      });
      const command = ["node", join(FOLDER, "client.mjs"), String(server.port), files.cert];
      await using client = new Child({ command, cwd: dir });
      await client.finished();
      const outcome: unknown = JSON.parse(client.lines[0] ?? client.output);
      expect(outcome).toEqual({
        unary: { reply: "me:100000:0", trailing: "yes" },
        fail: { code: FAILED_PRECONDITION, details: "not today, ünd ✓" },
        deadline: DEADLINE_EXCEEDED,
        cancel: CANCELLED,
        download: { code: 0, messages: 50, bytes: 500_000 },
        upload: { reply: "500000" },
        chat: { code: 0, heard: ["re:m0", "re:m1", "re:m2", "re:m3", "re:m4"] },
        together: 50,
        last: { reply: "me:1:2", trailing: "yes" },
      });
    } finally {
      removeDir(dir);
    }
  },
);
