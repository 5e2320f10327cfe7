/** A name that groups backends, as for a migration from one group to another. */
export const TAG = {
  minLength: 1,
  maxLength: 64,
  format: "token",
  expected: "1 to 64 letters, digits or . _ : @ + ~ -",
} as const;

/** Most groups that one backend is in. */
export const MAX_TAGS = 16;
