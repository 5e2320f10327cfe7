import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readStickyKey, stickyKeyOf } from "../../../../server/control/keys/sticky-key.ts";
import { Store } from "../../../../server/control/store/store.ts";
import { RecordedLog, temporaryDirectory } from "../fixtures.ts";

test("the server's own key is made once, and stays also when the file of the database is taken away", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "opsen.db");
  const log = new RecordedLog();
  const first = new Store(path, log);
  const key = stickyKeyOf("lb", "", first, log);
  expect(key).toMatch(/^[0-9a-f]{64}$/);
  expect(stickyKeyOf("lb", "", first, log)).toBe(key);
  for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  first.forgetBackend("nobody");
  expect(first.flush()).toBe(true);
  first.close();
  const second = new Store(path, log);
  expect(stickyKeyOf("lb", "", second, log)).toBe(key);
  second.close();
});

test("without a cookie no key is made, and a configured one is taken as it is", () => {
  const log = new RecordedLog();
  const store = new Store(":memory:", log);
  expect(stickyKeyOf("", "", store, log)).toBe("");
  expect(stickyKeyOf("lb", "a configured key", store, log)).toBe("a configured key");
  store.close();
});

test("a key that cannot be kept is good for this process, and the log says so", () => {
  const log = new RecordedLog();
  const store = new Store(":memory:", log);
  store.close();
  expect(stickyKeyOf("lb", "", store, log)).toMatch(/^[0-9a-f]{64}$/);
  expect(log.lines).toEqual([
    "WARN the key of the sticky cookie cannot be kept: sessions by cookie end with this process",
  ]);
});

test("a file holds one key of the right length, or the fault says what to do", () => {
  using directory = temporaryDirectory();
  const file = join(directory.path, "key");
  const config = { sticky_cookie: "lb", sticky_cookie_key: "", sticky_cookie_key_file: file };
  expect(readStickyKey(config).faults[0]?.message).toContain("cannot read");
  writeFileSync(file, "short\n");
  expect(readStickyKey(config).faults[0]?.message).toContain("must have at least 16 characters");
  writeFileSync(file, "two\nlines of text\n");
  expect(readStickyKey(config).faults[0]?.message).toContain("must hold one key and nothing else");
  writeFileSync(file, "long enough to sign\n");
  expect(readStickyKey(config)).toEqual({ value: "long enough to sign", faults: [] });
});
