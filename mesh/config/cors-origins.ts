/** The origins whose pages may call the edge; `*`: those of any site. */
export type CorsOrigins = ReadonlySet<string> | '*';

/** Reads exact origins, separated by commas, or `*`; `undefined` if the text is not valid. */
export function parseCorsOrigins(text: string): CorsOrigins | undefined {
  const origins = split(text);
  if (problemOf(origins) !== undefined) return undefined;
  return origins[0] === '*' ? '*' : new Set(origins);
}

/** Says what is wrong with the origins, to follow them; `undefined` if they are valid. */
export function corsOriginsProblem(text: string): string | undefined {
  return problemOf(split(text));
}

/** URLs allow more, such as `a;b`. */
const hostname = /^(?:[\w.-]+|\[[0-9a-f:]+\])$/;

function split(text: string): readonly string[] {
  return text === '' ? [] : text.split(',').map((origin) => origin.trim());
}

function problemOf(origins: readonly string[]): string | undefined {
  if (!origins.includes('*')) return origins.map(problemOfOrigin).find((problem) => problem !== undefined);
  return origins.length > 1 ? 'has * and other origins: use * alone, or leave it out' : undefined;
}

function problemOfOrigin(text: string): string | undefined {
  if (text === '') return 'has an empty origin: remove a comma';
  if (text === 'null') return 'has the origin null, which any page can have: leave it out';
  if (text.includes('@')) return 'has an origin with a user: leave the user out';
  const origin = JSON.stringify(text);
  if (!/^https?:\/\//i.test(text))
    return `has ${origin} without http:// or https://: write https://<host> or http://<host>:<port>`;
  if (text.includes('*')) return `has a pattern ${origin}: list each origin, or use * alone`;
  const url = URL.parse(text);
  if (url === null || !hostname.test(url.hostname))
    return `has ${origin}, which is not an origin: write https://<host> or http://<host>:<port>`;
  // Browsers send it without a path, in lower case, and without the port that its scheme has anyway.
  return url.origin === text ? undefined : `has ${origin}, which browsers send as ${url.origin}: write it so`;
}
