import { type RestResponse, storableText } from '#mesh';
import { carrierUnavailable } from '../errors.ts';
import type { Booking, BookingOutcome } from './carrier.ts';

/** The maximum length of a stored text of the carrier. Error messages contain it, and are sent as headers. */
const maxTextLength = 500;

/** The JSON that asks for a booking. */
export function bodyOf({ address }: Booking): object {
  return {
    recipient: address.recipient,
    lines: address.lines,
    city: address.city,
    postal_code: address.postalCode,
    country_code: address.countryCode,
  };
}

/**
 * Throws UNAVAILABLE `CARRIER_UNAVAILABLE` unless a response is the carrier's own: JSON, or nothing. The page of a proxy says nothing
 * about a shipment.
 */
export function assertOwn({ status, data, headers }: RestResponse<unknown>): void {
  const isOwn = data !== undefined || status === 204 || headers['content-length'] === '0';
  if (!isOwn) throw carrierUnavailable({ failure: `answered HTTP ${status} without JSON` });
}

/** Reads a booking. Throws UNAVAILABLE `CARRIER_UNAVAILABLE` if it is incomplete, or that of another reference. */
export function takenOf(answer: unknown, reference: string): BookingOutcome {
  const carrier = textOf(answer, 'carrier');
  const trackingNumber = textOf(answer, 'tracking_number');
  if (!carrier || !trackingNumber) {
    throw carrierUnavailable({ failure: 'sent an answer without carrier or tracking_number' });
  }
  const named = memberOf(answer, 'reference');
  if (named !== undefined && named !== reference)
    throw carrierUnavailable({ failure: 'answered for another reference' });
  return { taken: true, carrier, trackingNumber };
}

/** Reads a refusal, which may have no reason. */
export function refusedOf(answer: unknown): BookingOutcome {
  return { taken: false, refusal: textOf(answer, 'message') ?? 'it gave no reason' };
}

/** Returns a text of an answer that can be stored and sent on; undefined if there is none. */
function textOf(answer: unknown, member: string): string | undefined {
  const value = memberOf(answer, member);
  return typeof value === 'string' && value !== '' ? storableText(value.slice(0, maxTextLength)) : undefined;
}

function memberOf(answer: unknown, member: string): unknown {
  return typeof answer === 'object' && answer !== null ? Reflect.get(answer, member) : undefined;
}
