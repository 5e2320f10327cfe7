/** Keys of `server.yml` about TLS, on both sides of the proxy. Part of ServerConfigSchema. */
import { Type } from "@sinclair/typebox";
import { bool, int, list, text } from "./fields.ts";

export const CertificateSchema = Type.Object(
  {
    cert_file: text("", "Certificate chain (PEM).", { format: "path", required: true }),
    key_file: text("", "Private key (PEM) of the certificate.", { format: "path", required: true }),
  },
  { additionalProperties: false },
);

export const BackendTlsSchema = Type.Object(
  {
    host: Type.String({
      minLength: 1,
      maxLength: 253,
      description:
        "Host of the backends' URLs that this is about; `*.example.com` = all with one label more.",
    }),
    verify: bool(true, "Verify chain and name of the certificate."),
    ca_file: text("", "Certificates (PEM) that may sign theirs, instead of the usual ones.", {
      format: "path",
    }),
    server_name: text("", "Name to ask for and to verify, instead of the host.", { format: "host" }),
  },
  { additionalProperties: false },
);

export const TLS_KEYS = {
  tls_cert_file: text(
    "",
    "Certificate chain (PEM) for who asks for no name, or for one that no other has; with `tls_key_file` the port speaks HTTPS. A file that changes is read again.",
    { format: "path" },
  ),
  tls_key_file: text("", "Private key (PEM) of the certificate.", { format: "path" }),
  tls_certificates: list(
    CertificateSchema,
    "Further certificates, each for the names that it holds, `*.` names among them (SNI).",
    256,
  ),
  tls_min_version: Type.Union([Type.Literal("1.2"), Type.Literal("1.3")], {
    default: "1.2",
    description: "Oldest version of TLS that clients may use. Of 1.2 only ciphers with AEAD are offered.",
  }),
  tls_handshake_timeout_seconds: int(
    10,
    { minimum: 1, maximum: 300 },
    "Longest time that a client's handshake may take.",
  ),
  tls_client_auth: Type.Union([Type.Literal("none"), Type.Literal("optional"), Type.Literal("require")], {
    default: "none",
    description:
      "Certificates of clients: not asked for, verified if there is one, or demanded. The subject goes to backends as `X-Client-Cert-Subject`.",
  }),
  tls_client_ca_file: text("", "Certificates (PEM) that may sign those of clients.", { format: "path" }),
  http2: bool(true, "Offer HTTP/2 to clients beside HTTP/1.1, by ALPN; needs TLS."),
  http2_max_streams: int(
    128,
    { minimum: 1, maximum: 10_000 },
    "Requests that one HTTP/2 connection of a client may have open at one time.",
  ),
  tls_insecure_skip_verify: bool(
    false,
    "Do not verify certificates of any backend (development only); `backend_tls` does it for one.",
  ),
  tls_backend_ca_file: text(
    "",
    "Certificates (PEM) that may sign those of backends, instead of the usual ones.",
    { format: "path" },
  ),
  backend_tls: list(
    BackendTlsSchema,
    "How TLS is spoken to particular backends; the first entry counts that fits.",
    256,
  ),
} as const;
