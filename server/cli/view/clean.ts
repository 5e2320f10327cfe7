/** Text of servers and agents, made safe to be shown on a terminal. */

// Control characters could move the cursor or set a title; direction marks could make text read otherwise.
const UNSAFE = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

export function cleanText(text: string): string {
  return text.replaceAll(UNSAFE, "?");
}
