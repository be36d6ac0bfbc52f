import type { IncomingHttpHeaders } from 'node:http';
import { decodeBinaryHeader, encodeBinaryHeader } from '@connectrpc/connect';
import { Metadata } from 'nice-grpc-common';
import { invalidHeader } from '../semantics/errors.ts';

/** Headers of one connection (RFC 9110, section 7.6.1). */
const connectionHeaders = ['connection', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade'];

/** Request headers that are not metadata: they are between the caller and the edge. */
const ownRequestHeaders: ReadonlySet<string> = new Set([
  ...connectionHeaders,
  'host',
  'expect',
  'range',
  'date',
  'cache-control',
  'pragma',
  'priority',
  'user-agent',
  'x-user-agent',
  'x-grpc-web',
  // What a browser adds to every request.
  'cookie',
  'origin',
  'referer',
  'dnt',
  'upgrade-insecure-requests',
  // Who is calling: only a proxy in front may know, and no service trusts the network.
  'forwarded',
  'via',
  'x-real-ip',
  'x-remote-user',
  // It becomes the request_id of a change.
  'idempotency-key',
  // Of the call that the edge makes.
  'x-request-id',
  'traceparent',
]);
const ownRequestPrefix =
  /^(?::|accept|content-|if-|sec-|proxy-|access-control-|connect-|grpc-|x-forwarded-|x-envoy-|x-ordermesh-)/;

/** Response metadata that is not returned: it is written by the edge, or would speak for its whole origin. */
const ownResponseHeaders: ReadonlySet<string> = new Set([
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
const ownResponsePrefix = /^(?::|content-|proxy-|access-control-|cross-origin-|connect-|grpc-)/;

// gRPC allows only these. HTTP allows more.
const metadataName = /^[0-9a-z_.-]+$/;
const metadataValue = /^[\x20-\x7e]*$/;

/**
 * The headers of a request that its service gets as metadata. Those that gRPC does not allow are left out. Throws INVALID_ARGUMENT
 * `INVALID_HEADER` if one whose name ends with `-bin` is not in base64.
 */
export function requestMetadata(headers: IncomingHttpHeaders): Metadata {
  const metadata = Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || ownRequestHeaders.has(name) || ownRequestPrefix.test(name)) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    if (!metadataName.test(name) || !metadataValue.test(text)) continue;
    if (!name.endsWith('-bin')) metadata.set(name, text);
    else for (const part of text.split(',')) metadata.append(name, decodeBinary(name, part.trim()));
  }
  return metadata;
}

/** Sets the metadata that a service has sent on the headers or trailers of the response. */
export function returnMetadata(metadata: Metadata, target: Headers): void {
  for (const [name, values] of metadata) {
    if (ownResponseHeaders.has(name) || ownResponsePrefix.test(name)) continue;
    target.delete(name);
    for (const value of values) target.append(name, typeof value === 'string' ? value : encodeBinaryHeader(value));
  }
}

function decodeBinary(name: string, text: string): Uint8Array {
  try {
    return decodeBinaryHeader(text);
  } catch {
    throw invalidHeader(name, 'send bytes in base64, as its name ends with -bin');
  }
}
