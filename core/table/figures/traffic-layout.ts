/** What a row of the traffic table holds, as numbers side by side: a request touches few cache lines. */

/** Generation of the backend that the row speaks of. */
export const GENERATION = 0;
export const ERRORS = 1;
export const RETRIES = 2;
export const BROKEN = 3;
export const BYTES_IN = 4;
export const BYTES_OUT = 5;
export const DURATION_MS = 6;
export const QUEUED_MS = 7;
export const LAST_AT_MS = 8;
export const CONNECTS = 9;
export const REUSES = 10;
export const OPENED = 11;
export const CLOSED = 12;
/** The one number that is not a sum of events. */
export const IDLE = 13;
/** Requests that have ended, whatever their status. */
export const ENDED = 14;
export const FIRST_STATUS = 15;

/** Statuses that are counted one by one; the others of a class are counted together. */
const STATUS_CODES = [
  101, 200, 201, 202, 204, 206, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 408, 409, 410, 412,
  413, 415, 416, 422, 429, 431, 499, 500, 501, 502, 503, 504, 508,
] as const;

const CODES: readonly number[] = STATUS_CODES;
const CLASSES = 5;
export const STATUS_SLOTS: number = STATUS_CODES.length + CLASSES;
export const FIRST_CELL: number = FIRST_STATUS + STATUS_SLOTS;

/** Slot by status; what is no status counts as 5xx. */
const SLOTS: Uint8Array = Uint8Array.from({ length: 600 }, (_, status) => {
  const known = CODES.indexOf(status);
  return known >= 0 ? known : STATUS_CODES.length + Math.max(1, Math.floor(status / 100)) - 1;
});

const CLASSES_OF_SLOTS: Uint8Array = Uint8Array.from({ length: STATUS_SLOTS }, (_, slot) => {
  const code = STATUS_CODES[slot];
  return code === undefined ? slot - STATUS_CODES.length + 1 : Math.floor(code / 100);
});

export function statusSlot(status: number): number {
  return SLOTS[status] ?? STATUS_SLOTS - 1;
}

/** Class of what a slot counts: 1 for 1xx, and so on. */
export function classOfSlot(slot: number): number {
  return CLASSES_OF_SLOTS[slot] ?? CLASSES;
}

/** What a slot counts: "404", or "4xx" for those of a class that have none of their own. */
export function labelOfSlot(slot: number): string {
  return String(STATUS_CODES[slot] ?? `${classOfSlot(slot)}xx`);
}
