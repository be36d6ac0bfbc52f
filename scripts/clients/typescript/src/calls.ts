/** Reads the details of errors and resumes listings. Import it, or copy `src/calls.ts`. */

import { setTimeout as sleep } from 'node:timers/promises';
import { type ClientReadableStream, type ServiceError, status } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo, RetryInfo } from 'ordermesh-clients/google/rpc/error_details';
import { Status } from 'ordermesh-clients/google/rpc/status';

const maxAttempts = 5;
const firstDelayMs = 100;
const maxDelayMs = 2_000;

/** A rule that a field of the request violates. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What ordermesh sends with an error. */
export interface Details {
  readonly code: status;
  readonly text: string;
  /** Stable, for example `USER_NOT_FOUND`. Empty if the error is not from ordermesh but, for example, from a proxy. */
  readonly reason: string;
  /** The facts of the reason, such as the id of the user. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Each invalid field of the request. */
  readonly violations: readonly Violation[];
  /** How long to wait before the next attempt. Undefined: the server does not say. */
  readonly retryAfterMs: number | undefined;
}

const noDetails = { reason: '', metadata: {}, violations: [], retryAfterMs: undefined };

/** Returns the details of an error that a call threw. Any other error has the code UNKNOWN and no details. */
export function detailsOf(error: unknown): Details {
  if (!isServiceError(error)) {
    const text = error instanceof Error ? error.message : String(error);
    return { code: status.UNKNOWN, text, ...noDetails };
  }
  return { code: error.code, text: error.details, ...sentWith(error) };
}

function sentWith({ metadata: trailers }: ServiceError): Omit<Details, 'code' | 'text'> {
  const [sent] = trailers.get('grpc-status-details-bin');
  try {
    const { details } = sent instanceof Uint8Array ? Status.decode(sent) : Status.create();
    const find = (type: string) => details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${type}`);
    const info = find('ErrorInfo');
    const { reason, metadata } = info ? ErrorInfo.decode(info.value) : ErrorInfo.create();
    const bad = find('BadRequest');
    const violations = bad ? BadRequest.decode(bad.value).fieldViolations : [];
    const retry = find('RetryInfo');
    const delay = retry && RetryInfo.decode(retry.value).retryDelay;
    return { reason, metadata, violations, retryAfterMs: delay && Number(delay.seconds) * 1_000 + delay.nanos / 1e6 };
  } catch {
    // Details that cannot be read are no reason to hide the error.
    return noDetails;
  }
}

/**
 * Yields all resources of a listing. If the stream is cut, it opens the listing again after the last resource received, and
 * gives up after five attempts in a row that yielded none.
 *
 *     for await (const user of resumeListing((afterId) => users.listUsers({ afterId, limit: 0, role: '' }), ({ id }) => id))
 */
export async function* resumeListing<Resource>(
  openAfter: (afterId: string) => ClientReadableStream<Resource>,
  idOf: (resource: Resource) => string,
): AsyncGenerator<Resource, void, undefined> {
  let after = '';
  let attempts = 0;
  while (true) {
    const stream = openAfter(after);
    try {
      for await (const resource of stream as AsyncIterable<Resource>) {
        after = idOf(resource);
        attempts = 0;
        yield resource;
      }
      return;
    } catch (error) {
      attempts += 1;
      const details = detailsOf(error);
      if (attempts === maxAttempts || !mayResume(details)) throw error;
      await sleep(delayMs(attempts, details));
    } finally {
      // Ends the call if the caller leaves the loop.
      stream.cancel();
    }
  }
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error;
}

function mayResume({ code, retryAfterMs }: Details): boolean {
  return code === status.UNAVAILABLE || code === status.INTERNAL || retryAfterMs !== undefined;
}

function delayMs(attempts: number, { retryAfterMs }: Details): number {
  const backoffMs = Math.min(firstDelayMs * 2 ** (attempts - 1), maxDelayMs);
  return retryAfterMs ?? backoffMs * (0.5 + Math.random() / 2);
}
