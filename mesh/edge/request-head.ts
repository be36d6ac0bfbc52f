import type { IncomingMessage } from 'node:http';
import { expectationFailed, malformedHttp } from './errors.ts';

/** A host that a URL may have, and its port. It may be empty (RFC 9112, section 3.2). */
const hostForm = /^(?:\[[\da-f:.]+\]|[\w.~!$&'()*+;=%-]*)(?::\d{0,5})?$/i;

/** Refuses what Node would answer by itself, and so not with a problem, or would let pass. */
export function checkHead(request: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'httpVersion'>): void {
  const problem = headProblem(request);
  if (problem !== undefined) throw malformedHttp({ problem });
  const { expect } = request.headers;
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') throw expectationFailed();
}

function headProblem(request: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'httpVersion'>): string | undefined {
  const { host, 'transfer-encoding': coding } = request.headers;
  if (host !== undefined && !hostForm.test(host)) return 'its host is not valid';
  // Of HTTP/2, nghttp2 has checked the rest.
  if ('stream' in request) return undefined;
  const { httpVersion, rawHeaders } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'its version is neither 1.1 nor 1.0';
  if (httpVersion === '1.1' && host === undefined) return 'it has no host';
  // Node keeps the first one.
  if (hasTwoHosts(rawHeaders)) return 'it has two hosts';
  // A proxy that does not know the coding, or the version has none, sees another end of the body.
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked'))
    return 'its transfer coding is not chunked';
  return undefined;
}

/** Looks at names and values in turn; `headersDistinct` would make an object of them for each request. */
function hasTwoHosts(rawHeaders: readonly string[]): boolean {
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at];
    if (name?.length === 4 && name.toLowerCase() === 'host') hosts += 1;
  }
  return hosts > 1;
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
