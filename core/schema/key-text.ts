/** Keys as they stand in files and headers. */

const MAX_KEY_LENGTH = 4096;
/** Visible ASCII, with spaces only inside: what a header passes on unchanged. */
const KEY = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** What a file that holds a key must be. */
export const KEY_FILE_RULE = `must hold one key and nothing else: printable ASCII without spaces at its ends, at most ${MAX_KEY_LENGTH} characters`;

/** Gives the key in a file's text, without the line end that editors and `echo` add; null if there is no key. */
export function keyIn(text: string): string | null {
  const key = text.replace(/\r?\n$/, "");
  return key.length <= MAX_KEY_LENGTH && KEY.test(key) ? key : null;
}

/** Tells whether a text can be a key. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}
