/** Gives the token of an `Authorization` field of the scheme Bearer (RFC 6750 section 2.1); null for any other. */
export function bearerIn(authorization: string | null): string | null {
  const [, token = null] = /^bearer +(\S.*)$/i.exec(authorization ?? "") ?? [];
  return token;
}
