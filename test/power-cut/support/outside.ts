import { closeSync, fstatSync, openSync } from 'node:fs';
import type { CallOptions } from 'nice-grpc';
import type { EventRecord } from '#gen/events/v1/events.ts';
import type { Order } from '#gen/order/v1/order.ts';
import type { Account } from '#gen/payment/v1/payment.ts';
import type { User } from '#gen/user/v1/user.ts';
import type { Shop } from '../../support/shop.ts';
import type { AcceptedMail } from './mail-server.ts';

/** Something that was seen outside of a recorded process, at latest when its journal had the size `position`. */
export interface Sighting<T> {
  readonly position: number;
  readonly seen: T;
}

/** Sends a request, with the same request id each time. */
export type Send<T> = (shop: Shop, options?: CallOptions) => Promise<T>;

/** A request of a caller that repeats it after a power cut. */
export interface SentRequest {
  /** When it was sent, at the earliest. */
  readonly position: number;
  readonly title: string;
  readonly send: Send<unknown>;
  answer?: Sighting<unknown>;
}

/** What a carrier did: it has a shipment from then on, or has it no longer. */
export interface Booking {
  readonly reference: string;
  readonly isLive: boolean;
}

/** What the world outside of a process knows. None of it may be lost when the power fails. */
export interface Knowledge {
  readonly requests: readonly SentRequest[];
  /** Each order as answers and streams had it. */
  readonly orders: readonly Sighting<Order>[];
  readonly accounts: readonly Sighting<Account>[];
  readonly users: readonly Sighting<User>[];
  readonly events: readonly Sighting<EventRecord>[];
  readonly bookings: readonly Sighting<Booking>[];
  readonly mails: readonly Sighting<AcceptedMail>[];
  /** When the shop was filled, if it was. */
  readonly filled: readonly Sighting<'shop'>[];
}

/** What is known before anything was seen. */
export const nothing: Knowledge = {
  requests: [],
  orders: [],
  accounts: [],
  users: [],
  events: [],
  bookings: [],
  mails: [],
  filled: [],
};

/** Notes what is seen outside of a recorded process, and when. */
export function createOutside(journal: string) {
  const file = openSync(journal, 'a+');
  const known = {
    requests: [] as SentRequest[],
    orders: [] as Sighting<Order>[],
    accounts: [] as Sighting<Account>[],
    users: [] as Sighting<User>[],
    events: [] as Sighting<EventRecord>[],
    bookings: [] as Sighting<Booking>[],
    mails: [] as Sighting<AcceptedMail>[],
    filled: [] as Sighting<'shop'>[],
  };
  // A record that is complete now is part of it; what the process does later is not.
  const position = () => fstatSync(file).size;
  return {
    position,
    known: known as Knowledge,
    order: (seen: Order) => void known.orders.push({ position: position(), seen }),
    account: (seen: Account) => void known.accounts.push({ position: position(), seen }),
    user: (seen: User) => void known.users.push({ position: position(), seen }),
    event: (seen: EventRecord) => void known.events.push({ position: position(), seen }),
    booking: (seen: Booking) => void known.bookings.push({ position: position(), seen }),
    mail: (seen: AcceptedMail) => void known.mails.push({ position: position(), seen }),
    filled: () => void known.filled.push({ position: position(), seen: 'shop' }),
    /** Sends a request and notes its answer. */
    async send<T>(title: string, send: Send<T>, shop: Shop, options?: CallOptions): Promise<T> {
      const request: SentRequest = { position: position(), title, send };
      known.requests.push(request);
      const seen = await send(shop, options);
      request.answer = { position: position(), seen };
      return seen;
    },
    close: () => closeSync(file),
  };
}

export type Outside = ReturnType<typeof createOutside>;

/** Returns what was known when a journal had the size `position`. */
export function knownAt(known: Knowledge, position: number): Knowledge {
  const before = <T extends { readonly position: number }>(all: readonly T[]) =>
    all.filter((each) => each.position <= position);
  return {
    requests: before(known.requests).map(({ answer, ...request }) => ({
      ...request,
      ...(answer && answer.position <= position && { answer }),
    })),
    orders: before(known.orders),
    accounts: before(known.accounts),
    users: before(known.users),
    events: before(known.events),
    bookings: before(known.bookings),
    mails: before(known.mails),
    filled: before(known.filled),
  };
}
