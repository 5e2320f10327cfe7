import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { loadServerConfig, renderConfigError } from "../../../../core/config/load.ts";
import { fileFaults } from "../../../../server/control/startup/startup-files.ts";
import { selfSigned } from "../../../support/certificate.ts";
import { temporaryDirectory } from "../fixtures.ts";

/** What `-check` says of a configuration file. */
function complaints(text: string): string[] {
  const readFile = (): string => text;
  const loaded = loadServerConfig({ flags: { config: "s.yml" }, env: {}, readFile, fileFaults });
  return loaded.ok ? [] : loaded.errors.map(renderConfigError);
}

describe("files that the configuration names", () => {
  test("each one that cannot be read is told with its line", () => {
    using directory = temporaryDirectory();
    const named = (file: string): string => `${directory.path}/${file}`;
    const text = `port: 0\ntls_cert_file: ${named("c")}\ntls_key_file: ${named("k")}\ngeoip_db_path: ${named("g")}\n`;
    const said = complaints(text);
    expect(said).toHaveLength(3);
    expect(said[0]).toMatch(/^s\.yml:2(?::\d+)?: tls_cert_file: cannot read .*\/c; check the path/);
    expect(said[1]).toMatch(/^s\.yml:3(?::\d+)?: tls_key_file: cannot read .*\/k; check the path/);
    expect(said[2]).toMatch(/^s\.yml:4(?::\d+)?: geoip_db_path: cannot read .*\/g; .* or leave the key out/);
  });

  test("content is judged, and a sound set passes", () => {
    using directory = temporaryDirectory();
    const [cert, key, geoip] = ["c", "k", "g"].map((file) => `${directory.path}/${file}`);
    const text = `tls_cert_file: ${cert}\ntls_key_file: ${key}\ngeoip_db_path: ${geoip}\n`;
    const [ours, other] = [selfSigned(), selfSigned()];
    writeFileSync(String(cert), "garbage");
    writeFileSync(String(key), "garbage");
    writeFileSync(String(geoip), "garbage");
    expect(complaints(text).join("\n")).toMatch(
      /holds no certificate in PEM form[\s\S]*holds no private key in PEM form[\s\S]*is not a MaxMind database/,
    );
    writeFileSync(String(cert), ours.cert);
    writeFileSync(String(key), other.key);
    writeFileSync(String(geoip), Buffer.from("....\xab\xcd\xefMaxMind.com....", "latin1"));
    expect(complaints(text).join("\n")).toMatch(/^s\.yml:2.*does not belong to the certificate/);
    writeFileSync(String(key), ours.key);
    expect(complaints(text)).toEqual([]);
  });

  test("a key that is wrong by itself is said alone", () => {
    expect(complaints("tls_cert_file: c.pem\n").join("\n")).toMatch(/^[^\n]*needs tls_key_file[^\n]*$/);
    expect(complaints("geoip_db_path: 5\n")).toHaveLength(1);
  });
});
