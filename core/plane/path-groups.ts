/** Numbers for sets of path patterns: backends whose endpoints have the same patterns share one. */
import type { PathGroup } from "./snapshot.ts";

/**
 * Keeps one group per distinct set of patterns that some backend has. An index whose last backend is gone is
 * given to the next new group, so that the list never grows past the number of backends.
 */
export class PathGroupPool {
  readonly #groups: PathGroup[] = [];
  readonly #users: number[] = [];
  readonly #indexOf = new Map<string, number>();

  /** All groups by index, unused ones included. */
  get groups(): readonly PathGroup[] {
    return this.#groups;
  }

  /** Takes the group of these patterns; `isNew` when workers cannot know it yet. */
  take(patterns: PathGroup["patterns"]): { readonly index: number; readonly isNew: boolean } {
    const key = JSON.stringify(patterns);
    const known = this.#indexOf.get(key);
    if (known !== undefined) {
      this.#users[known] = (this.#users[known] ?? 0) + 1;
      return { index: known, isNew: false };
    }
    const free = this.#users.indexOf(0);
    const index = free === -1 ? this.#groups.length : free;
    const replaced = this.#groups[index];
    if (replaced !== undefined) this.#indexOf.delete(JSON.stringify(replaced.patterns));
    this.#groups[index] = { patterns };
    this.#users[index] = 1;
    this.#indexOf.set(key, index);
    return { index, isNew: true };
  }

  /** Gives back what one backend took. */
  release(index: number): void {
    const users = this.#users[index] ?? 0;
    if (users > 0) this.#users[index] = users - 1;
  }
}
