import type { IncomingMessage } from 'node:http';
import { malformedHttp } from './errors.ts';

/** Refuses what Node would answer by itself, and so not with a problem. */
export function checkHead({ headers, httpVersion }: Pick<IncomingMessage, 'headers' | 'httpVersion'>): void {
  if (headers.host === undefined && httpVersion === '1.1') throw malformedHttp({ problem: 'it has no host' });
}

/** Whether JSON of this media type is in UTF-8, the only encoding that it may have. */
export function isUtf8Type(type: string): boolean {
  const [charset, another] = type.matchAll(/;\s*charset(\*?)\s*=\s*"?([^\s;"]*)/gi);
  if (charset === undefined) return true;
  const [, extended, name = ''] = charset;
  return another === undefined && extended === '' && name.toLowerCase() === 'utf-8';
}

/** Returns the path of a request target, as it was sent. One with a host (for proxies) has its path after that. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '');
}
