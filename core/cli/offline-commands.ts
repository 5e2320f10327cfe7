/** The commands of `opsen-server` that need no running server. */
import { CONFIG_FILE_ENV } from "../config/bindings.ts";
import type { CommandFlag, CommandSpec } from "./command-spec.ts";

/** Where the original's script gets its copy of the database. */
export const GEOIP_URL = "https://cyqle-opsen.s3.us-east-2.amazonaws.com/GeoLite2-City.mmdb";
export const GEOIP_URL_ENV = "OPSEN_GEOIP_URL";
export const SOURCES = ["quantumflow", "gobalance", "opsen"] as const;

const JSON_FLAG: CommandFlag = { name: "json", help: "Print the outcome as JSON and nothing else." };

const CONVERT: CommandSpec = {
  name: "convert",
  summary: "turns the configuration of another load balancer into ours.",
  args: [{ name: "FILE", help: "Its file (YAML); - reads the standard input." }],
  flags: [
    { name: "from", value: "PRODUCT", help: "Whose file it is. Required.", choices: SOURCES },
    JSON_FLAG,
  ],
  notes: [
    "Our file goes to the standard output; what has no equal or another meaning is said on the standard error.",
  ],
};

const TLS_CERT: CommandSpec = {
  name: "tls-cert",
  summary: "makes a self-signed certificate, for tests and closed networks.",
  args: [
    { name: "DIRECTORY", help: "Where server.crt and server.key go; default: ./certs.", optional: true },
    { name: "DOMAIN", help: "Name that the certificate is for; default: localhost.", optional: true },
    { name: "DAYS", help: "How long it is valid; default: 365.", optional: true },
  ],
  flags: [
    { name: "san", value: "NAME|ADDRESS", help: "A further name or address.", repeats: true },
    {
      name: "key-type",
      value: "TYPE",
      help: "Kind of key: EC P-256, or RSA with so many bits.",
      fallback: "ec",
      choices: ["ec", "rsa2048", "rsa4096"],
    },
    { name: "force", help: "Replace files that exist." },
    JSON_FLAG,
  ],
  notes: ["localhost, 127.0.0.1 and ::1 are always among its names."],
};

const GEOIP: CommandSpec = {
  name: "geoip",
  summary: "downloads the GeoIP database, or brings it up to date.",
  args: [
    {
      name: "FILE",
      help: "Where it goes; default: geoip_db_path of the configuration, else ./GeoLite2-City.mmdb.",
      optional: true,
    },
  ],
  flags: [
    {
      name: "url",
      value: "URL",
      help: "Where from: an .mmdb file, plain, as .gz or inside a .tar.gz.",
      env: GEOIP_URL_ENV,
      fallback: GEOIP_URL,
    },
    { name: "from-file", value: "FILE", help: "Take this file instead of a download." },
    { name: "sha256", value: "HEX", help: "Checksum that the download must have." },
    {
      name: "proxy",
      value: "URL",
      help: "HTTP proxy to use; else HTTPS_PROXY, HTTP_PROXY and NO_PROXY count.",
    },
    {
      name: "timeout",
      value: "SECONDS",
      help: "Longest time for the download.",
      fallback: "600",
      number: { minimum: 1, maximum: 86_400 },
    },
    { name: "force", help: "Download it although it has not changed since." },
    { name: "config", value: "FILE", help: "The server's configuration file.", env: CONFIG_FILE_ENV },
    JSON_FLAG,
  ],
};

export const OFFLINE_COMMANDS: readonly CommandSpec[] = [CONVERT, TLS_CERT, GEOIP];
