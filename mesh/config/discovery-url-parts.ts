import { parseAddress } from './address.ts';

/** What is wrong with a URL: completes "DISCOVERY_URL …". All functions here throw it. */
export class UrlFault extends Error {}

export interface Hierarchy {
  readonly user: { readonly name: string; readonly password: string } | undefined;
  readonly hosts: string;
  readonly path: string;
  readonly query: ReadonlyMap<string, string>;
}

/** Reads `<scheme>://[<user>:<password>@]<hosts>[/<path>][?<name>=<value>&…]`. */
export function readHierarchy(text: string, allowed: readonly string[]): Hierarchy {
  const form = /^[a-z0-9+-]+:\/\/(?:([^:/@?]*):([^/@?]*)@)?([^@/?]*)(\/[^?]*)?(?:\?(.*))?$/s;
  const [matched, name, password, hosts = '', path = '', parameters = ''] = form.exec(text) ?? [];
  if (matched === undefined) {
    const scheme = text.slice(0, text.indexOf(':'));
    throw new UrlFault(`is not a URL with a host: use ${scheme}://<host>:<port>`);
  }
  const query = new Map(new URLSearchParams(parameters));
  for (const key of query.keys())
    if (!allowed.includes(key)) throw new UrlFault(`has the parameter ${key}: use ${allowed.join(' or ')}`);
  if (name === undefined) return { user: undefined, hosts, path, query };
  return { user: { name: decoded(name), password: decoded(password ?? '') }, hosts, path, query };
}

/** Returns `<host>:<port>`. */
export function oneAddress(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw new UrlFault(`has the address ${JSON.stringify(text)}: use <host>:<port>`);
  return address;
}

export function portOf(digits: string): number {
  const port = Number(digits);
  if (port < 1 || port > 65_535) throw new UrlFault(`has the port ${digits}: use one from 1 to 65535`);
  return port;
}

/** Returns the number of a parameter. */
export function milliseconds(
  query: ReadonlyMap<string, string>,
  name: string,
  { byDefault, min, max }: { readonly byDefault: number; readonly min: number; readonly max: number },
): number {
  const text = query.get(name);
  if (text === undefined) return byDefault;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= min && value <= max)) throw new UrlFault(`has ${name}=${text}: use ${min} to ${max} milliseconds`);
  return value;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) throw new UrlFault('has a user or password that is not percent-encoded');
    throw error;
  }
}
