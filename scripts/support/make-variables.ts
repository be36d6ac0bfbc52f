/**
 * Throws if `make NAME=value` was called with variables that this program does not read, such as a misspelt one. Those
 * of an outer make are meant for others.
 */
export function refuseUnknownVariables(
  { MAKEFLAGS = '', MAKELEVEL }: NodeJS.ProcessEnv,
  known: readonly string[],
): void {
  if (MAKELEVEL !== '1') return;
  // make writes its flags, then `--`, then the variables of the command line.
  const [, variables = ''] = / ?-- (.*)$/s.exec(MAKEFLAGS) ?? [];
  const names = [...variables.matchAll(/(?:^|(?<!\\) )([A-Za-z_][A-Za-z0-9_]*)[:+?]*=/g)].map(([, name = '']) => name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`unknown variable ${unknown}: use ${known.join(', ')}`);
}
