import type { TransportCall } from '../../../engine.ts';
import { gzip } from '../compression.ts';
import { fieldsOf } from '../metadata-fields.ts';

const longestTimeoutMs = 24 * 60 * 60 * 1000;

/** The fields of a request that say something of its call alone: timeout, encoding, metadata. */
export function callFields({ deadlineMs, compressRequests, metadata }: TransportCall, nowMs: number): string[] {
  const fields = fieldsOf(metadata);
  if (deadlineMs !== undefined) fields.push('grpc-timeout', timeoutOf(deadlineMs - nowMs));
  if (compressRequests) fields.push('grpc-encoding', gzip.name);
  return fields;
}

function timeoutOf(leftMs: number): string {
  const timeoutMs = Math.max(1, Math.min(Math.ceil(leftMs), longestTimeoutMs));
  // More than eight digits are none in gRPC's syntax.
  return timeoutMs < 100_000_000 ? `${timeoutMs}m` : `${Math.ceil(timeoutMs / 1_000)}S`;
}
