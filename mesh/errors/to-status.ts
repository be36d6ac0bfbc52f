import { Metadata } from 'nice-grpc-common';
import { publicTextOf } from './error-text.ts';
import { fitStatus } from './fit-status.ts';
import { MeshError } from './mesh-error.ts';
import { type ErrorLog, toPublicError } from './public-error.ts';
import { statusDetailsKey } from './status-details.ts';
import { bytesOfFields, type EndedCall, maxStatusBytes, type WireStatus } from './wire-status.ts';

/** Fields that the engines, and Node's HTTP/2, send with a status. */
const ownFields = [
  [':status', '200'],
  ['content-type', 'application/grpc+proto'],
  ['grpc-accept-encoding', 'identity,gzip,deflate'],
  ['grpc-status', '16'],
  ['date', 'Sat, 28 Nov 2026 18:00:00 GMT'],
] as const;

const noDetails = { reason: '', metadata: {}, violations: [], retryAfterMs: undefined };

/**
 * Converts any error of a call to its wire status; the only place that does. A MeshError is sent with its details,
 * nice-grpc's ServerError without any. An unexpected error is logged in full and sent as INTERNAL. The status, with
 * everything that is sent with it, has at most `maxStatusBytes`.
 */
export function toStatus(error: unknown, call: EndedCall, logger: ErrorLog): WireStatus {
  const publicError = toPublicError(error, { ...call, expired: false }, logger);
  const { code } = publicError;
  const maxBytes = maxStatusBytes - bytesOfFields([...ownFields, ['x-request-id', call.requestId]]) - call.otherBytes;
  if (!(publicError instanceof MeshError)) {
    return { code, details: fitStatus(code, publicError.details, noDetails, maxBytes).text, metadata: Metadata() };
  }
  const { text, packed } = fitStatus(code, publicTextOf(publicError), publicError, maxBytes);
  return { code, details: text, metadata: Metadata().set(statusDetailsKey, packed) };
}
