import { invalidBaseUrl, invalidPath } from './errors.ts';
import type { QueryParams } from './rest-client.ts';

/** Where the calls of a client go. */
export interface BaseUrl {
  /** `https://host:8443`. */
  readonly origin: string;
  /** `host:8443`. */
  readonly host: string;
  /** `/api`; empty for the root. */
  readonly path: string;
  /** The value of `Authorization` for user and password in the URL. */
  readonly authorization: string | undefined;
}

/** Parses the base URL of a client. Throws INVALID_ARGUMENT `INVALID_BASE_URL`. */
export function parseBaseUrl(text: string): BaseUrl {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\//i.test(text) || /[?#]/.test(text)) {
    throw invalidBaseUrl();
  }
  const { origin, host, pathname, username, password } = url;
  const credentials = `${username}:${password}`;
  if (hasBareEscape(credentials)) throw invalidBaseUrl();
  const basic = () => `Basic ${Buffer.from(decodeURIComponent(credentials)).toString('base64')}`;
  return { origin, host, path: pathname.replace(/\/+$/, ''), authorization: credentials === ':' ? undefined : basic() };
}

/**
 * Returns the URL of a call: never one outside of `base`, whatever an id in the path may be. Throws INVALID_ARGUMENT
 * `INVALID_PATH`.
 */
export function requestUrl(base: BaseUrl, path: string, params: QueryParams = {}): string {
  const problem = problemOf(path);
  if (problem) throw invalidPath({ path, problem });
  const url = new URL(`${base.origin}${base.path}${path}`);
  for (const [name, value] of Object.entries(params)) {
    const values = Array.isArray(value) ? value : [value];
    for (const each of values) if (each !== undefined) url.searchParams.append(name, textOf(each));
  }
  return url.href;
}

function textOf(value: string | number | bigint | boolean | Date): string {
  return value instanceof Date ? value.toISOString() : String(value);
}

/** What would make a URL parser, here or at the server, read a path otherwise than it is written. */
function problemOf(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it does not begin with /';
  if (!path.isWellFormed()) return 'it has half a character';
  // A parser drops some control characters, so `/.\t./` would be `/../`, and reads `\` as `/`.
  if (/[\p{Cc}\\]/u.test(path)) return 'it has a control character or a backslash';
  if (/[?#]/.test(path)) return 'it has a query or a fragment';
  const segments = path.slice(1).split('/');
  if (segments.some((segment, index) => segment === '' && index < segments.length - 1))
    return 'it has an empty segment';
  if (segments.some(isDots)) return 'it has a segment . or ..';
  return hasBareEscape(path) ? 'it has a % that encodes nothing' : undefined;
}

function hasBareEscape(text: string): boolean {
  return /%(?![0-9a-f]{2})/i.test(text);
}

function isDots(segment: string): boolean {
  return /^(\.|%2e){1,2}$/i.test(segment);
}
