import { AGENT_TOKEN_HEADER } from "../../../core/wire/registration.ts";

/** Gives the token that an agent shows; null without one. */
export function tokenOf(request: Request): string | null {
  const token = request.headers.get(AGENT_TOKEN_HEADER)?.trim() ?? "";
  return token === "" ? null : token;
}
