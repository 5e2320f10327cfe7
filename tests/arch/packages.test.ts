import { expect, test } from "bun:test";
import { Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { parse } from "yaml";
import { exists, filesBelow, read } from "./source.ts";

const Versions = Type.Record(Type.String(), Type.String());
const Manifest = Type.Object({ scripts: Versions, dependencies: Versions, devDependencies: Versions });
const LockEntry = Type.Object({
  version: Type.Optional(Type.String()),
  integrity: Type.Optional(Type.String()),
  resolved: Type.Optional(Type.String()),
  dependencies: Type.Optional(Versions),
  devDependencies: Type.Optional(Versions),
  optionalDependencies: Type.Optional(Versions),
});
const Lock = Type.Object({ packages: Type.Record(Type.String(), LockEntry) });

const manifest = Value.Decode(Manifest, JSON.parse(read("package.json")));
const lock = Value.Decode(Lock, JSON.parse(read("package-lock.json"))).packages;

test("every script names files that exist", () => {
  const missing = Object.entries(manifest.scripts).flatMap(([name, command]) =>
    command
      .split(/\s+/)
      .filter((word) => /^[\w.-]+\/[\w./-]+$/.test(word) && !exists(word))
      .map((word) => `${name}: ${word}`),
  );
  expect(missing).toEqual([]);
});

test("versions are exact", () => {
  const loose = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(
    ([, version]) => !/^\d+\.\d+\.\d+$/.test(version),
  );
  expect(loose).toEqual([]);
});

test("the lock file is in step with package.json", () => {
  expect(lock[""]?.dependencies).toEqual(manifest.dependencies);
  expect(lock[""]?.devDependencies).toEqual(manifest.devDependencies);
  for (const [name, version] of Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })) {
    expect(lock[`node_modules/${name}`]?.version).toBe(version);
  }
});

test("the lock file has a checksum for every package and names no host", () => {
  const packages = Object.entries(lock).filter(([path]) => path !== "");
  expect(packages.filter(([, entry]) => entry.integrity === undefined).map(([path]) => path)).toEqual([]);
  expect(packages.filter(([, entry]) => entry.resolved !== undefined).map(([path]) => path)).toEqual([]);
});

test("the lock file has the packages of every platform", () => {
  // npm leaves out of it what the registry at hand lacks, and `npm ci` then refuses it everywhere.
  const missing = Object.entries(lock).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter(
        (name) =>
          lock[`node_modules/${name}`] === undefined && lock[`${path}/node_modules/${name}`] === undefined,
      )
      .map((name) => `${path}: ${name}`),
  );
  expect(missing).toEqual([]);
});

test("workflows parse, run scripts that exist and use the standard actions only", () => {
  const standard = /^actions\/(?:checkout|setup-node|cache|upload-artifact|download-artifact)@v\d+$/;
  const files = filesBelow(".github/workflows", "*.yml");
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) {
    const workflow: unknown = parse(read(file));
    expect(workflow).toHaveProperty("jobs");
    const text = read(file);
    for (const [, action = ""] of text.matchAll(/uses:\s*(\S+)/g)) expect(action).toMatch(standard);
    for (const [, script = ""] of text.matchAll(/npm run ([\w:-]+)/g)) {
      expect(manifest.scripts).toHaveProperty([script]);
    }
  }
});
