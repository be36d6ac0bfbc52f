import { createServiceClient, RestError, serverUnreachable } from '#mesh';
import { carrierUnavailable, carrierUnreachable } from '../errors.ts';
import { assertOwn, bodyOf, refusedOf, takenOf } from './answers.ts';
import type { Booking, BookingOutcome, Carrier } from './carrier.ts';

const clientOptions = {
  name: 'carrier',
  maxResponseBytes: 256 * 1024,
  // So of concurrent bookings; others wait.
  maxConnections: 16,
  maxRedirects: 0,
};

const refused = [409, 422];
const unknownReference = 404;
const cancelled = 410;

/** Sent by a carrier that has no lookup: the booking itself tells, because it books each reference once. */
const noLookup = [405, 501];

/**
 * Calls the carrier's REST API at `baseUrl`. It is not trusted: redirects are not followed, answers are bounded, and none is
 * taken that is for another reference. A request takes up to `timeoutMs`, 5 s by default, and ends with its caller.
 */
export function createHttpCarrier(baseUrl: string, options: { readonly timeoutMs?: number } = {}): Carrier {
  const client = createServiceClient(baseUrl, { ...clientOptions, ...options });

  /** Asks once, because an unclear answer has to be cleared up before anything is repeated. */
  async function request(booking: Booking, signal: AbortSignal): Promise<BookingOutcome> {
    const { reference } = booking;
    const once = { signal, idempotencyKey: reference, maxAttempts: 1 };
    const { data } = await client.put(pathOf(reference), bodyOf(booking), once);
    return takenOf(data, reference);
  }

  async function lookUp(reference: string, signal: AbortSignal): Promise<BookingOutcome | undefined> {
    const expectedStatuses = [unknownReference, cancelled, ...noLookup];
    const answer = await client.get(pathOf(reference), { signal, expectedStatuses });
    if (answer.status < 300) return takenOf(answer.data, reference);
    if (answer.status !== cancelled) return undefined;
    assertOwn(answer);
    return refusedOf(answer.data);
  }

  /** Returns what the carrier has after a request failed; `undefined` if that is unknown, too. */
  async function clearUp(
    failure: unknown,
    reference: string,
    signal: AbortSignal,
  ): Promise<BookingOutcome | undefined> {
    if (!mayHaveActed(failure)) return undefined;
    return lookUp(reference, signal).catch((error: unknown) => {
      if (!isUnclear(error)) throw error;
      return undefined;
    });
  }

  return {
    async book(booking, signal) {
      try {
        return await request(booking, signal);
      } catch (error) {
        if (isRefusal(error)) return refusedOf(error.body);
        const found = await clearUp(error, booking.reference, signal);
        if (found) return found;
        throw toCarrierError(error);
      }
    },
    find: (reference, signal) =>
      lookUp(reference, signal).catch((error: unknown) => {
        throw toCarrierError(error);
      }),
    async cancel(reference, signal) {
      try {
        const options = { signal, expectedStatuses: [unknownReference, cancelled] };
        assertOwn(await client.delete(pathOf(reference), options));
      } catch (error) {
        const found = await clearUp(error, reference, signal);
        // If it has nothing under the reference, a booking may still be on its way.
        if (found?.taken !== false) throw toCarrierError(error);
      }
    },
    close: () => client.close(),
  };
}

function pathOf(reference: string): string {
  return `/shipments/${encodeURIComponent(reference)}`;
}

/** A refusal is final. So it is none if it is a page of a proxy, or if the carrier asks to wait: it is still at a first request. */
function isRefusal(failure: unknown): failure is RestError {
  if (!(failure instanceof RestError) || !refused.includes(failure.status ?? 0)) return false;
  return failure.body !== undefined && failure.retryAfterMs === undefined;
}

function isUnclear(failure: unknown): boolean {
  return failure instanceof RestError || carrierUnavailable.is(failure);
}

/** Not if there was no connection. A carrier that asks to wait is not asked what it has, either: the next attempt does that. */
function mayHaveActed(failure: unknown): boolean {
  if (serverUnreachable.is(failure)) return false;
  return isUnclear(failure) && !(failure instanceof RestError && failure.retryAfterMs !== undefined);
}

function toCarrierError(error: unknown): unknown {
  if (!(error instanceof RestError)) return error;
  const { status, reason, retryAfterMs, cause } = error;
  const details = { cause: error, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  if (serverUnreachable.is(error)) return carrierUnreachable({ errno: errnoOf(cause) }, details);
  const failure = status === undefined ? `gave no clear answer (${reason})` : `answered HTTP ${status} (${reason})`;
  return carrierUnavailable({ failure }, details);
}

function errnoOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : 'no connection';
}
