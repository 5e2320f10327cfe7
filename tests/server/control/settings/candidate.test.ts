/** What of a changed file counts at once. */
import { expect, test } from "bun:test";
import { NO_CHANGES } from "../../../../core/config/runtime/runtime-changes.ts";
import type { ServerConfig } from "../../../../core/config/schema/server-schema.ts";
import { candidateOf } from "../../../../server/control/settings/candidate.ts";
import { configOf } from "../fixtures.ts";

function judged(before: Partial<ServerConfig>, after: Partial<ServerConfig>) {
  const config = configOf(after);
  const running = { config: configOf(before), changes: NO_CHANGES };
  const outcome = candidateOf(() => ({ ok: true, config, source: null }), running, NO_CHANGES);
  return outcome.ok ? outcome.candidate : expect.unreachable();
}

test("what turns TLS on, or moves a listener, waits for the next start", () => {
  const { config, restartRequired } = judged({}, { port: 9, tls_cert_file: "c", tls_key_file: "k" });
  expect(restartRequired).toEqual(["port", "tls_cert_file", "tls_key_file"]);
  expect([config.port, config.tls_cert_file]).toEqual([8080, ""]);
});

test("management opens to everybody only together with the listener that it is meant for", () => {
  const open = { insecure_no_auth: true };
  expect(judged({}, open).config.insecure_no_auth).toBe(true);
  const moved = judged({}, { ...open, host: "127.0.0.1" });
  expect([moved.config.insecure_no_auth, moved.restartRequired]).toEqual([
    false,
    ["host", "insecure_no_auth"],
  ]);
  expect(judged(open, { ...open, host: "127.0.0.1" }).config.insecure_no_auth).toBe(true);
});
