/** Returns the name of a code, for messages of tests. */
export function nameOf(codes: Readonly<Record<string, unknown>>, code: number | undefined): string {
  return Object.keys(codes).find((name) => codes[name] === code) ?? `code ${code}`;
}
