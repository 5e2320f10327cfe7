/** What a command is given: its arguments, the environment, and where its output goes. */
import type { Given } from "../../core/cli/command-spec.ts";
import type { Environment } from "../../core/config/layers.ts";

export interface Context {
  readonly given: Inputs;
  readonly env: Environment;
  readonly version: string;
  /** Columns of the terminal; null when the output is none. */
  readonly columns: number | null;
  readonly isColored: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

export type Command = (context: Context) => Promise<number>;

/** The arguments and flags of a command line that has been checked against the command's table. */
export class Inputs {
  readonly args: readonly string[];
  readonly #given: Given;

  constructor(given: Given) {
    this.#given = given;
    this.args = given.args;
  }

  get path(): readonly string[] {
    return this.#given.path;
  }

  text(flag: string): string | null {
    return this.#given.values.get(flag)?.at(-1) ?? null;
  }

  all(flag: string): readonly string[] {
    return this.#given.values.get(flag) ?? [];
  }

  /** Gives a number whose bounds the table has already checked. */
  number(flag: string): number | null {
    const text = this.text(flag);
    return text === null ? null : Number(text);
  }

  on(flag: string): boolean {
    return this.#given.switches.has(flag);
  }
}
