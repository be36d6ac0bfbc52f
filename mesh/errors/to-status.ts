import { Metadata, type ServerError } from 'nice-grpc-common';
import type { FieldViolation } from '../contract/contract.ts';
import { uuidv7 } from '../ids/ids.ts';
import { MeshError } from './mesh-error.ts';
import { type ErrorLog, toPublicError } from './public-error.ts';
import { encodeStatusDetails, statusDetailsKey } from './status-details.ts';
import type { WireStatus } from './wire-status.ts';

// Trailers count against the header limit of the peer, 8 KiB in the strictest libraries, and the details travel as base64.
const maxTextLength = 1_024;
const maxViolationsLength = 2_048;
const maxMetadataLength = 2_048;

/**
 * Converts any error of a call to its wire status; the only place that does. A MeshError is sent with its details,
 * nice-grpc's ServerError as it is. An unexpected error is logged in full and sent as INTERNAL.
 */
export function toStatus(error: unknown, path: string, logger: ErrorLog): WireStatus {
  const publicError = toPublicError(error, { path, requestId: uuidv7(), expired: false }, logger);
  return publicError instanceof MeshError ? fromMeshError(publicError) : fromServerError(publicError);
}

function fromServerError(error: ServerError): WireStatus {
  return { code: error.code, details: wireText(error.details), metadata: Metadata() };
}

function fromMeshError(error: MeshError): WireStatus {
  const { code, reason, retryAfterMs } = error;
  const details = wireText(error.message);
  const violations = fittingViolations(error.violations);
  const metadata = fittingMetadata(error.metadata);
  const packed = encodeStatusDetails(code, details, { reason, metadata, violations, retryAfterMs });
  return { code, details, metadata: Metadata().set(statusDetailsKey, packed) };
}

// A lone surrogate cannot be percent-encoded, which would fail the call in the engine.
function wireText(text: string): string {
  const wellFormed = text.toWellFormed();
  return wellFormed.length <= maxTextLength ? wellFormed : `${wellFormed.slice(0, maxTextLength - 1).toWellFormed()}…`;
}

function fittingViolations(violations: readonly FieldViolation[]): readonly FieldViolation[] {
  let length = 0;
  const fits = violations.findIndex(({ field, description }) => {
    length += field.length + description.length;
    return length > maxViolationsLength;
  });
  if (fits === -1) return violations;
  return [
    ...violations.slice(0, fits),
    { field: '', description: `and ${violations.length - fits} more broken rules` },
  ];
}

/** Facts may hold what the caller sent, of any length: what does not fit is left out, and counted in `omitted`. */
function fittingMetadata(metadata: MeshError['metadata']): MeshError['metadata'] {
  const entries = Object.entries(metadata);
  let length = 0;
  const fits = entries.filter(([key, value]) => {
    const isFitting = length + key.length + value.length <= maxMetadataLength;
    if (isFitting) length += key.length + value.length;
    return isFitting;
  });
  if (fits.length === entries.length) return metadata;
  return { ...Object.fromEntries(fits), omitted: String(entries.length - fits.length) };
}
