/** Conversions that several products' keys need. Each checks the type that it wants and warns of any other. */
import { durationSeconds } from "./duration.ts";
import { type Conversion, NOTHING, type Outcome, settings, warning } from "./rule.ts";

/** The value as it is, under our key. */
export function same(key: string): Conversion {
  return (value) => settings({ key, value });
}

/** The value as it is, with a word on what differs. */
export function sameBut(key: string, text: string): Conversion {
  return (value) => ({ settings: [{ key, value }], warnings: [text] });
}

/** No equal here: says why, or what to do instead. */
export function dropped(text: string): Conversion {
  return () => warning(text);
}

/** Nothing to say and nothing to set: another rule reads the key. */
export const readElsewhere: Conversion = () => NOTHING;

/** A duration such as "90s" as whole seconds, rounded up. */
export function seconds(key: string, note: string | null = null): Conversion {
  return (value) => {
    const exact = durationSeconds(value);
    if (exact === null) return warning(`${JSON.stringify(value)} is no duration; left out`);
    const whole = Math.ceil(exact);
    const warnings = note === null ? [] : [note];
    if (whole !== exact) warnings.push(`rounded up from ${exact} to ${whole} whole seconds`);
    return { settings: [{ key, value: whole }], warnings };
  };
}

/** A duration in whole units of so many seconds, or of milliseconds with 0.001; rounded up. */
export function inUnits(key: string, unitSeconds: number, unit: string): Conversion {
  return (value) => {
    const exact = durationSeconds(value);
    if (exact === null) return warning(`${JSON.stringify(value)} is no duration; left out`);
    // Sums of tenths in binary end a little above or below: six digits are more than any file has.
    const units = Number((exact / unitSeconds).toFixed(6));
    const whole = Math.ceil(units);
    const rounded = whole === units ? [] : [`rounded up from ${units} to ${whole} ${unit}`];
    return { settings: [{ key, value: whole }], warnings: rounded };
  };
}

/** A switch that means the opposite here. */
export function negated(key: string): Conversion {
  return (value) =>
    typeof value === "boolean"
      ? settings({ key, value: !value })
      : warning(`${JSON.stringify(value)} is neither true nor false; left out`);
}

/** One of their words, by a table to ours. */
export function word(key: string, words: Readonly<Record<string, string | boolean>>): Conversion {
  return (value) => {
    const text = typeof value === "string" ? value.toLowerCase() : "";
    const ours = Object.hasOwn(words, text) ? words[text] : undefined;
    if (ours !== undefined) return settings({ key, value: ours });
    const known = Object.keys(words).join(", ");
    return warning(`${JSON.stringify(value)} is none of ${known}; left out`);
  };
}

/** A port, or an address to listen on such as ":8080" and "127.0.0.1:8080". */
export function listenAddress(portKey: string, hostKey: string): Conversion {
  return (value): Outcome => {
    if (typeof value === "number") return settings({ key: portKey, value });
    const [, host = "", port] = /^(.*?):?(\d+)$/.exec(typeof value === "string" ? value.trim() : "") ?? [];
    if (port === undefined) return warning(`${JSON.stringify(value)} names no port; left out`);
    const own = { key: portKey, value: Number(port) };
    const address = host.replace(/^\[(.*)\]$/, "$1");
    if (address === "") return settings(own);
    return settings(own, { key: hostKey, value: address });
  };
}

/** `fallback` when the switch is off; on is how it is anyway. */
export function whenOff(key: string, value: unknown, text: string): Conversion {
  return (is) => (is === false ? { settings: [{ key, value }], warnings: [text] } : NOTHING);
}
