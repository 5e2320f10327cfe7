/**
 * Command-line flags in the style of Go: one or two dashes, `-x v`, `-x=v`, switches without a value.
 * Values stay text here; the configuration gives them their types and bounds.
 */

export interface Flag {
  readonly name: string;
  /** Word for the value in the usage text; a flag without one is a switch. */
  readonly value?: string;
  readonly help: string;
  /** Environment variable that sets the same, if any. */
  readonly env?: string;
  /** Default shown in the usage text. */
  readonly fallback?: string;
}

/** What one executable takes on its command line. */
export interface ProgramSpec {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Closing words of the usage text. */
  readonly notes: readonly string[];
}

/** Values by flag name, without dashes; switches do not appear. */
export type FlagValues = Readonly<Record<string, string>>;

/**
 * What the command line asks for. `error` carries what is wrong with it: the caller prints that and the usage
 * to stderr and exits with 2. `help` prints the usage to stdout and exits with 0.
 */
export type FlagOutcome =
  | { readonly kind: "run"; readonly values: FlagValues; readonly check: boolean }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "error"; readonly message: string };

/** Reads the arguments that follow the program's name; of a repeated flag the last one counts. */
export function parseFlags(program: ProgramSpec, argv: readonly string[]): FlagOutcome {
  const values = new Map<string, string>();
  const switches = new Map<string, boolean>();
  for (let at = 0; at < argv.length; at++) {
    const token = readToken(program, argv[at] ?? "", argv[at + 1]);
    if (token.kind === "error") return token;
    if (token.kind === "value") {
      values.set(token.name, token.text);
      if (token.tookNext) at++;
      continue;
    }
    // Asking for help wins over anything that follows, even over what is wrong.
    if (token.on && isHelp(token.name)) return { kind: "help" };
    switches.set(token.name, token.on);
  }
  if (switches.get("version") === true) return { kind: "version" };
  return { kind: "run", values: Object.fromEntries(values), check: switches.get("check") === true };
}

/** Usage text of a program: its flags with their environment variables and defaults. */
export function usage(program: ProgramSpec): string {
  const lines = [`${program.name}: ${program.summary}`, "", `Usage: ${program.name} [flags]`, "", "Flags:"];
  for (const flag of program.flags) {
    lines.push(`  -${flag.name}${flag.value === undefined ? "" : ` ${flag.value}`}`);
    lines.push(`      ${flag.help}${remarks(flag)}`);
  }
  lines.push("", ...program.notes);
  return `${lines.join("\n")}\n`;
}

type Token =
  | { readonly kind: "value"; readonly name: string; readonly text: string; readonly tookNext: boolean }
  | { readonly kind: "switch"; readonly name: string; readonly on: boolean }
  | { readonly kind: "error"; readonly message: string };

function readToken(program: ProgramSpec, argument: string, next: string | undefined): Token {
  const match = /^--?([^-=][^=]*)(?:=(.*))?$/s.exec(argument);
  const name = match?.[1];
  if (name === undefined) return { kind: "error", message: misplaced(argument) };
  const given = match?.[2];
  const flag = program.flags.find((candidate) => candidate.name === name);
  if (flag === undefined && !isHelp(name)) {
    return { kind: "error", message: `flag provided but not defined: -${name}` };
  }
  if (flag?.value === undefined) return readSwitch(name, given);
  if (given !== undefined) return { kind: "value", name, text: given, tookNext: false };
  if (next === undefined) return { kind: "error", message: `flag needs an argument: -${name}` };
  return { kind: "value", name, text: next, tookNext: true };
}

function readSwitch(name: string, given: string | undefined): Token {
  if (given === undefined) return { kind: "switch", name, on: true };
  // The spellings that Go's flag package takes for a boolean.
  if (/^(1|t|true)$/i.test(given)) return { kind: "switch", name, on: true };
  if (/^(0|f|false)$/i.test(given)) return { kind: "switch", name, on: false };
  return { kind: "error", message: `invalid value "${given}" for flag -${name}: must be true or false` };
}

function misplaced(argument: string): string {
  return argument.startsWith("-") && argument !== "-" && argument !== "--"
    ? `bad flag syntax: ${argument}`
    : `unexpected argument "${argument}": everything is set by flags, the environment or the config file`;
}

function isHelp(name: string): boolean {
  return name === "help" || name === "h";
}

function remarks(flag: Flag): string {
  const parts: string[] = [];
  if (flag.env !== undefined) parts.push(`environment: ${flag.env}`);
  if (flag.fallback !== undefined && flag.fallback !== "") parts.push(`default: ${flag.fallback}`);
  return parts.length === 0 ? "" : ` (${parts.join("; ")})`;
}
