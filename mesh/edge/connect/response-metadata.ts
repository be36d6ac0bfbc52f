import { encodeBinaryHeader } from '@connectrpc/connect';
import type { Metadata } from 'nice-grpc-common';
import { connectionHeaders } from './connection-headers.ts';

/** Response metadata that is not returned: it is written by the edge, or would speak for its whole origin. */
const ownHeaders: ReadonlySet<string> = new Set([
  ...connectionHeaders,
  'date',
  'location',
  'vary',
  'x-request-id',
  'alt-svc',
  'clear-site-data',
  'referrer-policy',
  'set-cookie',
  'strict-transport-security',
  'x-content-type-options',
]);
const ownPrefix = /^(?::|content-|proxy-|access-control-|cross-origin-|connect-|grpc-)/;

/** Sets the metadata that a service has sent on the headers or trailers of the response. */
export function returnMetadata(metadata: Metadata, target: Headers): void {
  for (const [name, values] of metadata) {
    if (ownHeaders.has(name) || ownPrefix.test(name)) continue;
    target.delete(name);
    for (const value of values) target.append(name, typeof value === 'string' ? value : encodeBinaryHeader(value));
  }
}
