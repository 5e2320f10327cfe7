/** How figures are written. */

/** 1234 → "1.23k"; three digits that count. */
export function compact(value: number): string {
  const size = Math.abs(value);
  if (size < 10) return trim(value, 1);
  if (size < 1000) return String(Math.round(value));
  if (size < 1e6) return `${trim(value / 1e3, size < 1e4 ? 2 : 1)}k`;
  if (size < 1e9) return `${trim(value / 1e6, size < 1e7 ? 2 : 1)}M`;
  return `${trim(value / 1e9, 2)}G`;
}

/** Bytes, in powers of 1024. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit++;
  }
  return `${trim(size, size < 10 && unit > 0 ? 1 : 0)} ${units[unit] ?? ""}`;
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : `${Math.round(value)}%`;
}

export function millis(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 10) return `${trim(value, 1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return `${trim(value / 1000, 2)} s`;
}

export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (value < 60) return `${Math.round(value)} s`;
  if (value < 3600) return `${Math.floor(value / 60)} min`;
  if (value < 86_400) return `${Math.floor(value / 3600)} h`;
  return `${Math.floor(value / 86_400)} d`;
}

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export function clock(at: number | string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? "–" : CLOCK.format(time);
}

export function dayAndClock(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? at : `${time.toISOString().slice(0, 10)} ${CLOCK.format(time)}`;
}

/** A value of the configuration, short enough for a line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "–";
  if (typeof value === "string") return value === "" ? '""' : value;
  return JSON.stringify(value);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function trim(value: number, digits: number): string {
  return value.toFixed(digits).replace(/\.0+$|(\.\d*?)0+$/, "$1");
}
