import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import type { HttpHosts } from '../../config/http-hosts.ts';
import { hostNotAllowed } from './errors.ts';

/** Returns a function that throws PERMISSION_DENIED `HOST_NOT_ALLOWED` for a request to a name that is not one of the edge's. */
export type CheckHost = (request: IncomingHttpHeaders) => void;

const port = /:\d*$/;

/**
 * Guards against DNS rebinding: a page whose own name leads to this listener would be of its origin, and could read everything. No page
 * has the name `localhost` or an address but those that are served there, so these are allowed always.
 */
export function createHostCheck(allowed: HttpHosts): CheckHost {
  if (allowed === '*') return () => undefined;
  return (request) => {
    const host = request[':authority'] ?? request.host;
    // HTTP/1.0 has no host. Browsers send one.
    if (typeof host !== 'string' || host === '') return;
    const name = nameIn(host);
    if (allowed.has(name) || isOfMachine(name)) return;
    throw hostNotAllowed({ host });
  };
}

function nameIn(host: string): string {
  return host.replace(port, '').replace(/\.$/, '').toLowerCase();
}

function isOfMachine(name: string): boolean {
  if (name === 'localhost' || name.endsWith('.localhost')) return true;
  return isIP(name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name) !== 0;
}

const strictTransport: Readonly<Record<string, string>> = { 'strict-transport-security': 'max-age=31536000' };
const nothing: Readonly<Record<string, string>> = {};

/**
 * The headers by which browsers call a host only over TLS from then on, for a year (RFC 6797). Not for `localhost`,
 * where other servers listen too, which may have no TLS, nor for addresses, for which browsers ignore it.
 */
export function transportHeaders(request: IncomingHttpHeaders): Readonly<Record<string, string>> {
  const host = request[':authority'] ?? request.host;
  return typeof host === 'string' && host !== '' && !isOfMachine(nameIn(host)) ? strictTransport : nothing;
}
