/**
 * The token in the header `authorization`; `undefined` without the header. Empty, which no verifier believes, with
 * another scheme than `Bearer`: a caller that tried to say who it is must not count as one that did not.
 */
export function bearerToken(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  return /^Bearer +([^ ]+) *$/i.exec(header)?.[1] ?? '';
}
