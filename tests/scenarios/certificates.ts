import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { type Certificate, fingerprint, selfSigned } from "../support/certificate.ts";
import { TestServer } from "../support/server.ts";
import { makeTempDir, removeDir } from "../support/temp-dir.ts";

export interface SwapResult {
  readonly swaps: number;
  readonly handshakes: number;
  readonly failed: number;
  readonly failures: readonly string[];
  /** The longest time from a swap until a client was shown the new certificate. */
  readonly slowestMs: number;
}

const CLIENTS = 8;
const SWAP_LIMIT_MS = 10_000;
const MAX_FAILURES = 10;

/**
 * Swaps certificate and key so many times while clients connect without a pause, each with a handshake of its own and
 * one request. Every third time the key does not belong to the certificate at first, and the old pair must stay.
 */
export async function swapCertificates(swaps: number): Promise<SwapResult> {
  const dir = makeTempDir();
  const files = { cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
  let current = selfSigned();
  writeFileSync(files.cert, current.cert);
  writeFileSync(files.key, current.key, { mode: 0o600 });
  const authorities = [current.cert];
  await using server = await TestServer.start({
    config: { tls_cert_file: files.cert, tls_key_file: files.key },
    ca: current.cert,
  });
  const clients = new Clients(server.port, authorities);
  let slowestMs = 0;
  try {
    for (let count = 0; count < swaps; count++) {
      const next = selfSigned();
      // Before any server shows it: an authority that comes late would be a failure of the client.
      authorities.push(next.cert);
      if (count % 3 === 2) replace(files.key, selfSigned().key);
      const sinceMs = performance.now();
      replace(files.cert, next.cert);
      replace(files.key, next.key);
      await clients.untilShown(next);
      slowestMs = Math.max(slowestMs, performance.now() - sinceMs);
      current = next;
    }
  } finally {
    await clients.stop();
    removeDir(dir);
  }
  const { handshakes, failures } = clients;
  return { swaps, handshakes, failed: failures.length, failures: failures.slice(0, MAX_FAILURES), slowestMs };
}

/** As tools that renew certificates do it: written beside, then renamed over. */
function replace(file: string, content: string): void {
  writeFileSync(`${file}.new`, content, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Clients that connect, ask once and leave, over and over. */
class Clients {
  handshakes = 0;
  readonly failures: string[] = [];
  readonly #port: number;
  readonly #authorities: readonly string[];
  readonly #loops: readonly Promise<void>[];
  #shown = "";
  #isOver = false;

  constructor(port: number, authorities: readonly string[]) {
    this.#port = port;
    this.#authorities = authorities;
    this.#loops = Array.from({ length: CLIENTS }, () => this.#loop());
  }

  async untilShown({ cert }: Certificate): Promise<void> {
    const wanted = fingerprint(cert);
    const limitMs = performance.now() + SWAP_LIMIT_MS;
    while (this.#shown !== wanted) {
      if (performance.now() > limitMs) throw new Error("the new certificate is not shown");
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      try {
        this.#shown = await askOnce(this.#port, this.#authorities);
        this.handshakes++;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }
}

/** Gives the fingerprint of the certificate that was shown; verified, with an answer to one request. */
function askOnce(port: number, authorities: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    let shown = "";
    let text = "";
    const socket: TLSSocket = connect(
      { host: "127.0.0.1", port, servername: "localhost", ca: [...authorities] },
      () => {
        shown = socket.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();
        socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
      },
    );
    socket.on("data", (data: Buffer) => {
      text += data.toString("latin1");
    });
    socket.on("error", reject);
    socket.on("close", () => {
      if (text.startsWith("HTTP/1.1 200 ")) resolve(shown);
      else reject(new Error(`the answer is ${JSON.stringify(text.slice(0, 40))}`));
    });
  });
}
