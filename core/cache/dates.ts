/** HTTP dates (RFC 9110 section 5.6.7): the form that is sent today and the two that must still be understood. */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const TODAY = /^(?:mon|tue|wed|thu|fri|sat|sun), (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/;
const RFC_850 =
  /^(?:mon|tues|wednes|thurs|fri|satur|sun)day, (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/;
const ASCTIME = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/;
/** A two-digit year that would be further ahead means the last century (RFC 9110 section 5.6.7). */
const YEARS_AHEAD = 50;

/** Reads a date; NaN for what is none. Case does not count, everything else does. `nowMs` dates two-digit years. */
export function parseHttpDate(text: string, nowMs: number): number {
  const lower = text.toLowerCase();
  const today = TODAY.exec(lower);
  if (today !== null) return time(today[3], today[2], today[1], today.slice(4));
  const old = RFC_850.exec(lower);
  if (old !== null) return time(fullYear(Number(old[3]), nowMs), old[2], old[1], old.slice(4));
  const c = ASCTIME.exec(lower);
  return c === null ? Number.NaN : time(c[6], c[1], c[2], c.slice(3, 6));
}

function time(
  year: string | number | undefined,
  month: string | undefined,
  day: string | undefined,
  clock: readonly string[],
): number {
  const monthIndex = MONTHS.indexOf(month ?? "");
  const [hour = 0, minute = 0, second = 0] = clock.map(Number);
  const date = Number(day);
  if (monthIndex < 0 || date < 1 || hour > 23 || minute > 59 || second > 60) return Number.NaN;
  const at = Date.UTC(Number(year), monthIndex, date, hour, minute, second);
  // The 31st of a shorter month is no day.
  return new Date(at - second * 1000).getUTCDate() === date ? at : Number.NaN;
}

function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + YEARS_AHEAD ? year - 100 : year;
}
