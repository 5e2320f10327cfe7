import { expect, test } from "bun:test";
import type { Backend } from "../../../../core/plane/snapshot.ts";
import { IdleConnections } from "../../../../server/proxy/net/idle-connections.ts";
import { SendBuffer } from "../../../../server/proxy/net/send-buffer.ts";
import { TimerWheel } from "../../../../server/proxy/net/timer-wheel.ts";
import { UNCOUNTED } from "../../../../server/proxy/net/wiring.ts";
import { Directory } from "../../../../server/proxy/upstream/directory.ts";

const LIMITS = {
  maxIdle: 1,
  idleTimeoutMs: 1000,
  connectTimeoutMs: 1000,
  handshakeTimeoutMs: 0,
  maxLifetimeMs: 0,
  keepAliveMs: 0,
  lingerMs: 1000,
  reuses: true,
};
const HEAD_LIMITS = { maxHeadBytes: 4096, maxTargetBytes: 1024, maxHeaders: 32 };

function newDirectory(): Directory {
  const idle = new IdleConnections(1);
  const wiring = { wheel: new TimerWheel(() => 0), out: new SendBuffer(4096), headLimits: HEAD_LIMITS, idle };
  return new Directory(
    wiring,
    LIMITS,
    {
      tls: { rules: [], ca: "", verify: true },
      gate: () => true,
      names: { addressesOf: async () => [], failed: () => {} },
    },
    () => UNCOUNTED,
  );
}

function backendOf(row: number, pathGroup: number): Backend {
  const origin = {
    scheme: "http",
    isHttp2: false,
    host: "10.0.0.1",
    port: 80,
    authority: "10.0.0.1",
    basePath: "",
    key: "http://10.0.0.1:80",
  } as const;
  const endpoints = [{ url: "http://10.0.0.1", origin }];
  return { row, generation: 1, clientId: "c", hostname: "h", endpoints, pathGroup };
}

test("paths matter while a backend has patterns, and no longer", () => {
  const directory = newDirectory();
  directory.addGroups(0, [{ patterns: [[]] }, { patterns: [["/api/*"]] }]);
  directory.set(3, backendOf(3, 0));
  expect([directory.hasPatterns, directory.endpointsFor("/api/x")]).toEqual([false, null]);
  directory.set(1, backendOf(1, 1));
  expect(directory.hasPatterns).toBe(true);
  expect(directory.endpointsFor("/api/x")).toEqual(Int32Array.of(0, 0));
  expect(directory.endpointsFor("/web")).toEqual(Int32Array.of(0, -1));
  directory.set(1, null);
  expect([directory.hasPatterns, directory.endpointsFor("/web")]).toEqual([false, null]);
});

test("a group that takes the number of another counts as what it is", () => {
  const directory = newDirectory();
  directory.addGroups(0, [{ patterns: [["/api/*"]] }]);
  directory.set(0, backendOf(0, 0));
  expect(directory.hasPatterns).toBe(true);
  directory.addGroups(0, [{ patterns: [[]] }]);
  directory.set(0, backendOf(0, 0));
  expect(directory.hasPatterns).toBe(false);
  directory.addGroups(1, [{ patterns: [["/web"]] }]);
  directory.set(0, backendOf(0, 1));
  expect(directory.hasPatterns).toBe(true);
});
