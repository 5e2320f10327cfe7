import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { commandHelp, commandUsage } from "../../../core/cli/command-help.ts";
import {
  type CommandOutcome,
  type CommandSpec,
  commandAt,
  parseCommand,
} from "../../../core/cli/command-spec.ts";
import { SERVER_COMMANDS } from "../../../core/cli/server-commands.ts";
import { COMMAND_NAMES } from "../../../server/cli/main.ts";

function run(...words: string[]): CommandOutcome {
  return parseCommand(SERVER_COMMANDS, words);
}

function messageOf(outcome: CommandOutcome): string {
  return outcome.kind === "error" ? outcome.message : `(${outcome.kind})`;
}

/** Every command that does something, by its words. */
function runnable(commands: readonly CommandSpec[], before: readonly string[] = []): string[][] {
  return commands.flatMap((spec) => {
    const path = [...before, spec.name];
    const own = spec.commands === undefined || spec.runsAlone === true ? [path] : [];
    return [...own, ...runnable(spec.commands ?? [], path)];
  });
}

const ALL = runnable(SERVER_COMMANDS);

test("every command of the table has code, and all code is of a command", () => {
  expect(ALL.map((path) => path.join(" ")).toSorted()).toEqual([...COMMAND_NAMES].toSorted());
});

describe("arguments and flags", () => {
  test("flags stand before, between and behind arguments, with one dash or two, and = or a space", () => {
    const spellings = [
      ["drain", "a", "--wait", "30", "--json"],
      ["drain", "--wait=30", "a", "-json"],
      ["drain", "-wait", "30", "--json", "a"],
    ];
    for (const words of spellings) {
      expect(run(...words)).toEqual({
        kind: "run",
        given: {
          path: ["drain"],
          args: ["a"],
          values: new Map([["wait", ["30"]]]),
          switches: new Set(["json"]),
        },
      });
    }
  });

  test("of a repeated flag the last value counts, of one that repeats all do", () => {
    const outcome = run(
      "backends",
      "add",
      "--url",
      "http://a",
      "--url",
      "http://b",
      "--weight=1",
      "--weight=2",
    );
    const values = outcome.kind === "run" ? outcome.given.values : null;
    expect(values?.get("url")).toEqual(["http://a", "http://b"]);
    expect(values?.get("weight")).toEqual(["2"]);
  });

  test("behind -- everything is an argument", () => {
    expect(run("drain", "--", "-x")).toMatchObject({ kind: "run", given: { args: ["-x"] } });
  });

  test("a group runs alone where it may, and names its commands where it may not", () => {
    expect(run("backends", "--json")).toMatchObject({ kind: "run", given: { path: ["backends"] } });
    expect(messageOf(run("config"))).toBe("config needs one of: get, set, unset, undo");
  });

  test("what is wrong is said in words", () => {
    expect(messageOf(run("drain"))).toBe("ID is missing");
    expect(messageOf(run("drain", "a", "b"))).toBe('unexpected argument "b"');
    expect(messageOf(run("drain", "a", "--wait"))).toBe("--wait needs a value: SECONDS");
    expect(messageOf(run("drain", "a", "--wait", "soon"))).toContain(
      "--wait must be a whole number from 1 to",
    );
    expect(messageOf(run("drain", "a", "--wait", "1.5"))).toContain("whole number");
    expect(messageOf(run("explain", "--lat", "91"))).toContain("from -90 to 90");
    expect(messageOf(run("drain", "a", "--json=1"))).toBe("--json takes no value");
    expect(messageOf(run("top", "--sort", "memry"))).toContain("did you mean memory?");
  });

  test("what was meant is guessed", () => {
    expect(messageOf(run("statsu"))).toBe('unknown command "statsu"; did you mean "status"?');
    expect(messageOf(run("config", "gte"))).toBe('unknown command "config gte"; did you mean "config get"?');
    expect(messageOf(run("leases", "--josn"))).toBe("unknown flag --josn; did you mean --json?");
    expect(messageOf(run("quite-something-else"))).toBe('unknown command "quite-something-else"');
  });

  test("no words make it throw", () => {
    const names = ALL.flat();
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constantFrom(...names), fc.string(), fc.constantFrom("--", "-", "--json", "--wait")),
        ),
        (words) => {
          expect(["run", "help", "error"]).toContain(run(...words).kind);
        },
      ),
    );
  });
});

describe("help", () => {
  test.each(ALL)("of %s %s", (...path) => {
    const words = path.filter((each) => typeof each === "string");
    expect(run(...words, "--help", "--nonsense")).toEqual({ kind: "help", path: words });
    const text = commandHelp("opsen-server", SERVER_COMMANDS, words);
    const spec = commandAt(SERVER_COMMANDS, words);
    expect(text).toStartWith(`opsen-server ${words.join(" ")}: ${spec?.summary}`);
    for (const { name, help } of [...(spec?.flags ?? []), ...(spec?.args ?? [])]) {
      expect(text).toContain(name);
      expect(text).toContain(help);
    }
  });

  test("of all commands names each", () => {
    const text = commandHelp("opsen-server", SERVER_COMMANDS, []);
    for (const { name } of SERVER_COMMANDS) expect(text).toContain(`  ${name}`);
    expect(commandUsage("opsen-server", SERVER_COMMANDS, ["drain"])).toBe(
      "Usage: opsen-server drain ID [flags]\nSee opsen-server drain --help.\n",
    );
  });

  test("no flag is named twice in one command", () => {
    for (const path of ALL) {
      const names = commandAt(SERVER_COMMANDS, path)?.flags?.map(({ name }) => name) ?? [];
      expect(new Set(names).size).toBe(names.length);
    }
  });
});
