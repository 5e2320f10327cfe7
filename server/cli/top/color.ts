/** Colours of `top`: the sixteen that every terminal has, or none. */

export interface Paint {
  readonly strong: (text: string) => string;
  readonly faint: (text: string) => string;
  readonly reverse: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly plainBar: (text: string) => string;
  /** Green, yellow from 70 percent on, red from 90 on. */
  readonly level: (share: number, text: string) => string;
  readonly status: (status: string, isRoutable: boolean, text: string) => string;
}

const YELLOW_FROM = 0.7;
const RED_FROM = 0.9;

const SGR = { strong: 1, faint: 2, reverse: 7, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export function paintOf(isColored: boolean): Paint {
  const wrap = (code: number, text: string): string => (isColored ? `\x1b[${code}m${text}\x1b[0m` : text);
  return {
    strong: (text) => wrap(SGR.strong, text),
    faint: (text) => wrap(SGR.faint, text),
    reverse: (text) => wrap(SGR.reverse, text),
    bad: (text) => wrap(SGR.red, text),
    plainBar: (text) => wrap(SGR.cyan, text),
    level: (share, text) =>
      wrap(share >= RED_FROM ? SGR.red : share >= YELLOW_FROM ? SGR.yellow : SGR.green, text),
    status: (status, isRoutable, text) =>
      wrap(isRoutable ? SGR.green : status === "draining" ? SGR.yellow : SGR.red, text),
  };
}
