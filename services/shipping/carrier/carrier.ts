import type { Address } from '#mesh';

/** A booking. `reference` is the order's id: the carrier books each reference once. */
export interface Booking {
  readonly reference: string;
  readonly address: Address;
}

/** The carrier's definite answer. */
export type BookingOutcome =
  | { readonly taken: true; readonly carrier: string; readonly trackingNumber: string }
  | { readonly taken: false; readonly refusal: string };

/**
 * The carrier, a third party. All calls can be repeated with the same reference. They reject with UNAVAILABLE
 * `CARRIER_UNAVAILABLE` if it is unknown whether the carrier acted.
 */
export interface Carrier {
  /** Asks once. If it is then unknown whether the carrier has booked, looks that up. */
  book(booking: Booking, signal: AbortSignal): Promise<BookingOutcome>;
  /** Returns what the carrier has under a reference: not taken if it was cancelled; `undefined` if it has nothing. */
  find(reference: string, signal: AbortSignal): Promise<BookingOutcome | undefined>;
  /** Prevents a later booking of this reference as well. */
  cancel(reference: string, signal: AbortSignal): Promise<void>;
  close(): void;
}
