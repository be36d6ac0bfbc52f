import type { IncomingHttpHeaders } from 'node:http';
import { decodeBinaryHeader } from '@connectrpc/connect';
import { Metadata } from 'nice-grpc-common';
import { changeReasonKey } from '../../operator-actions/change-reason.ts';
import { identityHeaderOf } from '../identity-headers.ts';
import { changeReasonMetadata } from '../semantics/change-reason.ts';
import { invalidHeader } from '../semantics/errors.ts';
import { connectionHeaders } from './connection-headers.ts';

/** Headers between the caller and the edge, which are never metadata, even if all others are. */
const ownHeaders: ReadonlySet<string> = new Set([
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
  // It becomes the request_id of a change.
  'idempotency-key',
  // Of the call that the edge makes.
  'x-request-id',
  'traceparent',
]);
const ownPrefix = /^(?::|accept|content-|if-|sec-|proxy-|access-control-|connect-|grpc-)/;

// gRPC allows only these. HTTP allows more.
const metadataName = /^[0-9a-z_.-]+$/;
const metadataValue = /^[\x20-\x7e]*$/;

/** Whether services may get a header. */
export type HeaderFilter = (name: string) => boolean;

/**
 * Returns the filter for a list of names, in lower case; one that ends with `*` is a prefix. Headers of HTTP and of the protocols never
 * pass, nor those that claim who is calling.
 */
export function createHeaderFilter(names: readonly string[]): HeaderFilter {
  const exact = new Set(names);
  const prefixes = names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  return (name) =>
    (exact.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) &&
    !ownHeaders.has(name) &&
    !ownPrefix.test(name) &&
    identityHeaderOf(name) === undefined;
}

/**
 * The headers of a request that its service gets as metadata: why an operator makes a change, and those that pass.
 * Those that gRPC does not allow are left out. Throws INVALID_ARGUMENT
 * `INVALID_HEADER` if one whose name ends with `-bin` is not in base64.
 */
export function requestMetadata(headers: IncomingHttpHeaders, passes: HeaderFilter): Metadata {
  const metadata = changeReasonMetadata(headers) ?? Metadata();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === changeReasonKey || !passes(name)) continue;
    const text = typeof value === 'string' ? value : value.join(', ');
    if (!metadataName.test(name) || !metadataValue.test(text)) continue;
    if (!name.endsWith('-bin')) metadata.set(name, text);
    else for (const part of text.split(',')) metadata.append(name, decodeBinary(name, part.trim()));
  }
  return metadata;
}

function decodeBinary(name: string, text: string): Uint8Array {
  try {
    return decodeBinaryHeader(text);
  } catch {
    throw invalidHeader(name, 'send bytes in base64, as its name ends with -bin');
  }
}
