import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { malformedHttp } from './errors.ts';

/** Refuses what Node would answer by itself, and so not with a problem. */
export function checkHead({ headers, httpVersion }: Pick<IncomingMessage, 'headers' | 'httpVersion'>): void {
  if (headers.host === undefined && httpVersion === '1.1') throw malformedHttp({ problem: 'it has no host' });
}

/** Whether a request has a body. */
export function hasBody({ 'content-length': length = '0', 'transfer-encoding': coding }: IncomingHttpHeaders): boolean {
  return coding !== undefined || Number(length) > 0;
}

/** Whether JSON of this media type is in UTF-8, the only encoding that it may have. */
export function isUtf8Type(type: string): boolean {
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type) ?? [];
  return charset.toLowerCase() === 'utf-8';
}

/** Returns the path of a request target, as it was sent. One with a host (for proxies) has its path after that. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  const path = end < 0 ? target : target.slice(0, end);
  return path.startsWith('/') ? path : path.replace(/^https?:\/\/[^/]*/i, '');
}
