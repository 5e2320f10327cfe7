/** Why the server cannot start, in words for a person: what, where, what to do. */
export class StartError extends Error {
  override readonly name = "StartError";
}
