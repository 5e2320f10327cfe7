import { expect, test } from "bun:test";
import type { ApiKey } from "../../../../core/plane/api-key.ts";
import { Sessions, setCookie } from "../../../../server/control/console/sessions.ts";

const READER: ApiKey = { name: "reader", key: "reader-key", scopes: ["read"] };
const ADMIN: ApiKey = { name: "boss", key: "boss-key", scopes: ["admin"] };
const HOUR_MS = 3_600_000;

/** Sessions under a clock that the test moves, with keys that it takes away. */
function world(idleMs = HOUR_MS) {
  const state = { nowMs: 1_000_000, keys: [READER, ADMIN] as readonly ApiKey[] };
  const sessions = new Sessions({
    lifetimeMs: 12 * HOUR_MS,
    idleMs,
    keys: () => state.keys,
    now: () => state.nowMs,
  });
  return { state, sessions };
}

const cookie = (value: string): string => `opsen_console=${value}`;

test("a log-in is found by its cookie, with the name and scopes of its key", () => {
  const { sessions } = world();
  const value = sessions.begin(READER);
  expect(sessions.find(cookie(value), true)).toMatchObject({ name: "reader", scopes: ["read"] });
  expect(sessions.find(`a=b; ${cookie(value)}; c=d`, true)?.name).toBe("reader");
  expect(sessions.find(null, true)).toBeNull();
  expect(sessions.find("other=1", true)).toBeNull();
});

test("a cookie that was not signed here counts for nothing", () => {
  const { sessions } = world();
  const value = sessions.begin(ADMIN);
  const [id = "", signature = ""] = value.split(".");
  const other = world().sessions.begin(ADMIN);
  for (const forged of [
    id,
    `${id}.`,
    `${id}.${signature.slice(1)}`,
    `${id}.${signature.toUpperCase()}x`,
    `.${signature}`,
    `${id}x.${signature}`,
    other,
    "",
  ]) {
    expect(sessions.find(cookie(forged), true)).toBeNull();
  }
  expect(sessions.find(cookie(value), true)).not.toBeNull();
});

test("a log-in ends after its lifetime, whatever is done with it", () => {
  const { state, sessions } = world();
  const value = sessions.begin(READER);
  for (let hour = 0; hour < 24; hour++) {
    state.nowMs += HOUR_MS / 2;
    expect(sessions.find(cookie(value), true) !== null).toBe(hour < 23);
  }
});

test("a log-in ends when nobody uses it; looking alone is no use", () => {
  const { state, sessions } = world();
  const value = sessions.begin(READER);
  state.nowMs += HOUR_MS - 1;
  expect(sessions.find(cookie(value), false)).not.toBeNull();
  state.nowMs += 1;
  expect(sessions.find(cookie(value), false)).toBeNull();
  // Not brought back by being asked for at an earlier time.
  state.nowMs -= HOUR_MS;
  expect(sessions.find(cookie(value), true)).toBeNull();
});

test("without an idle limit a log-in lasts its lifetime", () => {
  const { state, sessions } = world(0);
  const value = sessions.begin(READER);
  state.nowMs += 12 * HOUR_MS - 1;
  expect(sessions.find(cookie(value), false)).not.toBeNull();
});

test("a log-in ends with its key, and has the scopes that its key has now", () => {
  const { state, sessions } = world();
  const value = sessions.begin(ADMIN);
  state.keys = [READER, { ...ADMIN, scopes: ["read"] }];
  expect(sessions.find(cookie(value), true)?.scopes).toEqual(["read"]);
  state.keys = [READER];
  expect(sessions.find(cookie(value), true)).toBeNull();
});

test("logging out ends a log-in and no other", () => {
  const { sessions } = world();
  const [mine, other] = [sessions.begin(READER), sessions.begin(READER)];
  sessions.end(sessions.find(cookie(mine), true)?.id ?? "");
  expect(sessions.find(cookie(mine), true)).toBeNull();
  expect(sessions.find(cookie(other), true)).not.toBeNull();
});

test("there is a bound on log-ins: the least recently used goes first", () => {
  const { sessions } = world();
  const first = sessions.begin(READER);
  const second = sessions.begin(READER);
  for (let count = 2; count < 1_000; count++) sessions.begin(READER);
  expect(sessions.find(cookie(first), true)).not.toBeNull();
  sessions.begin(READER);
  expect(sessions.find(cookie(second), true)).toBeNull();
  expect(sessions.find(cookie(first), true)).not.toBeNull();
});

test("keys are found whatever else is accepted", () => {
  const { sessions } = world();
  expect(sessions.keyOf("boss-key")?.name).toBe("boss");
  expect(sessions.keyOf("boss-key ")).toBeNull();
  expect(sessions.keyOf("")).toBeNull();
});

test("the cookie is for the console's paths, and no script sees it", () => {
  expect(setCookie("v", { secure: false, maxAgeMs: 60_000 })).toBe(
    "opsen_console=v; Path=/console; HttpOnly; SameSite=Strict; Max-Age=60",
  );
  expect(setCookie("", { secure: true, maxAgeMs: 60_000 })).toBe(
    "opsen_console=; Path=/console; HttpOnly; SameSite=Strict; Max-Age=0; Secure",
  );
});
