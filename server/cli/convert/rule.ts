/** The language of conversions: which of their keys becomes which of ours, as data. */

/** One key of ours with its value. */
export interface Setting {
  readonly key: string;
  readonly value: unknown;
}

export interface Outcome {
  readonly settings: readonly Setting[];
  /** What has no equal here, or another meaning; each is said with the key that it is about. */
  readonly warnings: readonly string[];
}

/** Makes settings of a value; `look` reads another key of the same file, by its path. */
export type Conversion = (value: unknown, look: (path: string) => unknown) => Outcome;

/** A key of theirs. Paths are written with dots; `[]` stands for every entry of a list. */
export interface Rule {
  readonly from: string;
  readonly convert: Conversion;
}

/** What their product does without being told, where ours would do something else. */
export interface Given {
  readonly setting: Setting;
  /** Said in the file beside it. */
  readonly why: string;
  /** Left out when this key of theirs is there. */
  readonly unless?: string;
}

export interface Source {
  readonly rules: readonly Rule[];
  readonly givens: readonly Given[];
}

export const NOTHING: Outcome = { settings: [], warnings: [] };

export function settings(...made: readonly Setting[]): Outcome {
  return { settings: made, warnings: [] };
}

export function warning(text: string): Outcome {
  return { settings: [], warnings: [text] };
}
