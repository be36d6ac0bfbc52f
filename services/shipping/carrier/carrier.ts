import type { Address } from '#mesh';

/** What the carrier is asked to take. `reference` is ours (the order's id): repeating it books nothing twice. */
export interface Booking {
  readonly reference: string;
  readonly address: Address;
}

/** What the carrier answered, for sure. */
export type BookingOutcome =
  | { readonly taken: true; readonly carrier: string; readonly trackingNumber: string }
  | { readonly taken: false; readonly refusal: string };

/**
 * The carrier, a third party. Both calls can be repeated with the same reference. They reject with UNAVAILABLE
 * `CARRIER_UNAVAILABLE` when it is not known whether the carrier acted.
 */
export interface Carrier {
  book(booking: Booking, signal: AbortSignal): Promise<BookingOutcome>;
  /** Also forbids booking this reference later. */
  cancel(reference: string, signal: AbortSignal): Promise<void>;
}
