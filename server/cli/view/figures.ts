/** Figures as people read them. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
export const NOTHING = "-";

/** A span in its two largest units: "3d 4h", "12m 5s", "0.4s". */
export function span(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NOTHING;
  if (seconds < 10) return `${trimmed(seconds, 1)}s`;
  const whole = Math.floor(seconds);
  const parts: readonly (readonly [amount: number, unit: string])[] = [
    [Math.floor(whole / 86_400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "m"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join(" ");
}

export function bytes(amount: number | null): string {
  if (amount === null) return NOTHING;
  let value = amount;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${trimmed(value, unit === 0 ? 0 : 1)} ${UNITS[unit]}`;
}

/** At most five characters: 0.5, 12.3, 456, 7.9k, 12k, 3.4M. */
export function short(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (size >= 999_500) return `${trimmed(value / 1e6, size < 9.95e6 ? 1 : 0)}M`;
  if (size >= 999.5) return `${trimmed(value / 1e3, size < 9950 ? 1 : 0)}k`;
  return trimmed(value, size < 99.95 ? 1 : 0);
}

export function percent(value: number | null): string {
  return value === null ? NOTHING : `${value.toFixed(0)}%`;
}

/** Digits in groups of three. */
export function grouped(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ",");
}

export function decimal(value: number | null, digits: number): string {
  return value === null ? NOTHING : trimmed(value, digits);
}

function trimmed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
