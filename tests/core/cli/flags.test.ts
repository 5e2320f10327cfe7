import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { type FlagOutcome, parseFlags, usage } from "../../../core/cli/flags.ts";
import { CLIENT_PROGRAM, SERVER_PROGRAM } from "../../../core/cli/programs.ts";

function run(...argv: string[]): FlagOutcome {
  return parseFlags(SERVER_PROGRAM, argv);
}

describe("forms of a flag", () => {
  test("one or two dashes, value after a space or an equals sign, mean the same", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("config", "port", "host", "db", "stale", "cleanup-interval"),
        fc.string(),
        (name, value) => {
          const wanted: FlagOutcome = { kind: "run", values: { [name]: value }, check: false };
          for (const dashes of ["-", "--"]) {
            expect(run(`${dashes}${name}`, value)).toEqual(wanted);
            expect(run(`${dashes}${name}=${value}`)).toEqual(wanted);
          }
        },
      ),
    );
  });

  test("of a repeated flag the last counts", () => {
    expect(run("-port", "1", "--port=2")).toEqual({ kind: "run", values: { port: "2" }, check: false });
  });

  test("a value may start with a dash", () => {
    expect(run("-db", "-x")).toEqual({ kind: "run", values: { db: "-x" }, check: false });
  });

  test("switches take Go's spellings of a boolean", () => {
    for (const on of ["-check", "--check", "-check=true", "-check=1", "-check=T"]) {
      expect(run(on)).toEqual({ kind: "run", values: {}, check: true });
    }
    expect(run("-check", "-check=false")).toEqual({ kind: "run", values: {}, check: false });
    expect(run("-version=0")).toEqual({ kind: "run", values: {}, check: false });
    expect(run("-version")).toEqual({ kind: "version" });
  });
});

describe("help", () => {
  test.each(["-h", "-help", "--help", "--h"])("%s wins over what follows", (flag) => {
    expect(run(flag, "-nonsense")).toEqual({ kind: "help" });
  });

  test("the usage shows every flag with its environment variable and default", () => {
    for (const program of [SERVER_PROGRAM, CLIENT_PROGRAM]) {
      const text = usage(program);
      for (const flag of program.flags) {
        expect(text).toContain(`  -${flag.name}`);
        expect(text).toContain(flag.env ?? "");
        expect(text).toContain(flag.fallback ?? "");
      }
    }
    expect(usage(SERVER_PROGRAM)).toContain("environment: OPSEN_SERVER_STALE_TIMEOUT; default: 5");
  });
});

describe("mistakes", () => {
  test.each([
    [["-nope"], "flag provided but not defined: -nope"],
    [["--nope=1"], "flag provided but not defined: -nope"],
    [["-port"], "flag needs an argument: -port"],
    [["-check=maybe"], 'invalid value "maybe" for flag -check: must be true or false'],
    [["server.yml"], 'unexpected argument "server.yml"'],
    [["-port", "1", "extra"], 'unexpected argument "extra"'],
    [["--"], 'unexpected argument "--"'],
    [["-"], 'unexpected argument "-"'],
    [["---port"], "bad flag syntax: ---port"],
    [["-=1"], "bad flag syntax: -=1"],
  ])("%p", (argv, message) => {
    const outcome = run(...argv);
    expect(outcome.kind).toBe("error");
    expect(outcome.kind === "error" ? outcome.message : "").toContain(message);
  });

  test("no command line makes it throw", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (argv) => {
        expect(["run", "help", "version", "error"]).toContain(run(...argv).kind);
      }),
    );
  });
});
