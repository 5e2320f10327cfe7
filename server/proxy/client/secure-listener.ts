import type { TLSSocket } from "node:tls";
import type { CertificateSet } from "../../../core/plane/messages.ts";
import type { ClientHome, Door } from "../context.ts";
import { ClientConnection } from "../http1/client-connection.ts";
import { ClientSession } from "../http2/client-session.ts";
import { SecureSocket } from "../net/secure-socket.ts";
import { CIPHERS, ServerCertificates } from "./certificates.ts";
import type { ListenAddress, Listener } from "./listener.ts";

/** How the listener speaks TLS. */
export interface SecureOptions {
  readonly certificates: CertificateSet;
  readonly minVersion: "1.2" | "1.3";
  readonly clientAuth: "none" | "optional" | "require";
  readonly http2: boolean;
  readonly handshakeTimeoutMs: number;
}

/** A {@link Listener} whose certificates can be replaced. */
export interface SecureListener extends Listener {
  /** Shows other certificates from the next handshake on. Throws when they cannot be used. */
  replace(certificates: CertificateSet): void;
}

/** Opens a port for HTTPS; what is spoken there is agreed upon by ALPN. Rejects when it cannot be opened. */
export async function listenSecure(
  home: ClientHome,
  door: Door,
  address: ListenAddress,
  options: SecureOptions,
): Promise<SecureListener> {
  // Loaded only where it is used: it costs each worker some megabytes.
  const { createServer, createSecureContext } = await import("node:tls");
  const minVersion = options.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2";
  const rules = { minVersion, ciphers: CIPHERS } as const;
  const shown = new ServerCertificates(createSecureContext, rules, options.certificates);
  const server = createServer({
    ...shown.optionsOf(options.certificates.fallback),
    SNICallback: (name, done) => done(null, shown.contextFor(name)),
    ALPNProtocols: options.http2 ? ["h2", "http/1.1"] : ["http/1.1"],
    handshakeTimeout: options.handshakeTimeoutMs,
    allowHalfOpen: true,
    requestCert: options.clientAuth !== "none",
    rejectUnauthorized: options.clientAuth === "require",
  });
  server.on("connection", (raw) => {
    const peer = raw.remoteAddress ?? "";
    if (home.gate.enter(peer)) raw.once("close", () => home.gate.leave(peer));
    else raw.destroy();
  });
  server.on("secureConnection", (raw: TLSSocket) => {
    const certificate = options.clientAuth === "none" ? undefined : raw.getPeerX509Certificate();
    if (certificate !== undefined && !raw.authorized) {
      // Optional is no leave to present something false.
      home.plane.count("tls_handshake_failures");
      raw.destroy();
      return;
    }
    const own = { ...door, clientSubject: certificate === undefined ? "" : nameOf(certificate.subject) };
    const Connection = raw.alpnProtocol === "h2" ? ClientSession : ClientConnection;
    void new Connection(home, own, (owner) => new SecureSocket(raw, owner));
  });
  // Failed and timed-out handshakes: node leaves the socket to us.
  server.on("tlsClientError", (_error: Error, raw: TLSSocket) => {
    home.plane.count("tls_handshake_failures");
    raw.destroy();
  });
  return await new Promise<SecureListener>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, reusePort: true }, () => {
      server.off("error", reject);
      server.on("error", ignore);
      const bound = server.address();
      resolve({
        port: typeof bound === "object" && bound !== null ? bound.port : address.port,
        stop: () => server.close(),
        replace: (certificates) => {
          shown.replace(certificates);
          server.setSecureContext(shown.optionsOf(certificates.fallback));
        },
      });
    });
  });
}

/** A subject on one line, most particular part first (RFC 4514 section 2.1). */
function nameOf(subject: string): string {
  return subject.split("\n").toReversed().join(",");
}

function ignore(): void {
  // An accept that failed, as when descriptors run out: the next one may do.
}
