/** The names by which the edge may be called, in lower case; `*`: any. */
export type HttpHosts = ReadonlySet<string> | '*';

const hostname =
  /^(?!\d+\.\d+\.\d+\.\d+$)(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/;

/** Reads host names, separated by commas, or `*`; `undefined` if the text is not valid. */
export function parseHttpHosts(text: string): HttpHosts | undefined {
  if (text === '*') return '*';
  const names = namesOf(text);
  return names.every((name) => hostname.test(name)) ? new Set(names) : undefined;
}

/** Says what is wrong with the names, to follow it; `undefined` if it is plain. */
export function httpHostsProblem(text: string): string | undefined {
  const wrong = namesOf(text).find((name) => !hostname.test(name));
  if (wrong === undefined) return undefined;
  if (wrong === '') return 'has an empty name: remove a comma';
  const shown = JSON.stringify(wrong);
  if (wrong === '*') return 'has * and other names: use * alone, or leave it out';
  if (wrong.includes('*')) return `has a pattern ${shown}: list each name, or use * alone`;
  if (wrong.includes('://')) return `has a URL ${shown}: write only its host name`;
  if (/:\d+$/.test(wrong)) return `has a port in ${shown}: leave it out, any port is meant`;
  return `has ${shown}, which is not a host name: addresses need not be listed`;
}

function namesOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((name) => name.trim().toLowerCase());
}
