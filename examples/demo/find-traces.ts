import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError } from 'nice-grpc';
import type { EventRecord } from '#gen/events/v1/events.ts';
import {
  type Notification,
  NotificationServiceDefinition,
  NotificationState,
} from '#gen/notification/v1/notification.ts';
import { type Saga, SagaStepState } from '#gen/ops/v1/ops.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { PaymentEvent } from '#gen/payment/v1/events.ts';
import { isNotServed, reasonOf } from '../support/clients.ts';
import type { Mesh } from '../support/mesh.ts';
import { retryUnavailable } from './retry.ts';

/** The events of an order on one topic. */
interface Trail {
  readonly topic: string;
  readonly key: string;
  /** The types of which one is expected and ends the trail. Empty: none is expected. */
  readonly lastTypes: readonly string[];
  readonly isOurs?: (event: EventRecord) => boolean;
}

// What was published before the order ended arrives within moments. A trail without its last event is cut here.
const maxReadMs = 5_000;
/** How long to look for events where none is expected. */
const quickReadMs = 500;
/** The clocks of the services may differ by this. */
const clockSkewMs = 60_000;

/** The events of an order that the log returned. */
export interface FoundEvents {
  readonly events: readonly EventRecord[];
  /**
   * Why others may be missing: a record of the log is damaged, the last one is not there, or the topic does not exist because
   * its service publishes elsewhere. Empty: none is missing.
   */
  readonly faults: readonly string[];
  /** Whether no later event of `order.events` can be read, so the notification service cannot read one either. */
  readonly isCut: boolean;
}

/** Reads the events of an order from all topics. Returns undefined if the event log is unavailable. */
export async function findEvents(mesh: Mesh, order: Order, { steps }: Saga): Promise<FoundEvents | undefined> {
  const stateOf = (name: string) => steps.find((step) => step.name === name)?.state;
  /** The events that end the trail of a step, if the order has ended. */
  const ends = (step: string, done: string, undone: string): string[] => {
    if (!hasEnded(order)) return [];
    if (stateOf(step) === SagaStepState.SAGA_STEP_STATE_DONE) return [done];
    return stateOf(step) === SagaStepState.SAGA_STEP_STATE_UNDONE ? [undone] : [];
  };
  const orderEnds = ['ORDER_COMPLETED', 'ORDER_FAILED', 'ORDER_CANCELLED'];
  const trails: readonly Trail[] = [
    { topic: 'order.events', key: order.id, lastTypes: hasEnded(order) ? orderEnds : [] },
    { topic: 'inventory.events', key: order.id, lastTypes: ends('reserve-stock', 'STOCK_COMMITTED', 'STOCK_RELEASED') },
    {
      topic: 'payment.events',
      // Keyed by account, and an account has its user's id.
      key: order.userId,
      lastTypes: ends('charge', 'MONEY_WITHDRAWN', 'MONEY_DEPOSITED'),
      isOurs: (event) => paidOrder(event) === order.id,
    },
    {
      topic: 'shipping.events',
      key: order.id,
      lastTypes: ends('create-shipment', 'SHIPMENT_BOOKED', 'SHIPMENT_CANCELLED'),
    },
  ];
  const sinceMs = (order.createTime?.getTime() ?? 0) - clockSkewMs;
  const found = await Promise.all(trails.map((trail) => retryUnavailable(mesh, () => follow(mesh, trail, sinceMs))));
  const known = found.filter((records) => records !== undefined);
  if (known.length < found.length) return undefined;
  return {
    events: known.flatMap(({ events }) => events),
    faults: [...new Set(known.flatMap(({ faults }) => faults))],
    isCut: known[0]?.isCut === true,
  };
}

const damageReasons: ReadonlySet<string> = new Set(['STORAGE_CORRUPT', 'PARTITION_UNREADABLE']);

/** The stream never ends by itself: stop at a last event or after the time limit. */
async function follow(
  { events }: Mesh,
  { topic, key, lastTypes, isOurs = () => true }: Trail,
  sinceMs: number,
): Promise<FoundEvents | undefined> {
  const timeout = AbortSignal.timeout(lastTypes.length > 0 ? maxReadMs : quickReadMs);
  const records: EventRecord[] = [];
  try {
    const from = { $case: 'time', value: new Date(sinceMs) } as const;
    for await (const record of events.subscribe({ topic, key, from }, { signal: timeout })) {
      if (!isOurs(record)) continue;
      records.push(record);
      if (lastTypes.includes(record.type)) break;
    }
  } catch (error) {
    // The mesh works without its broker, so do not wait for it.
    if (reasonOf(error).startsWith('EVENTS_')) return undefined;
    // The rest of the order can still be shown.
    if (reasonOf(error) === 'UNKNOWN_TOPIC')
      return { events: [], faults: [`no service publishes ${topic} here`], isCut: false };
    if (isNotServed(error)) return { events: [], faults: [notServedText('bridge')], isCut: false };
    if (damageReasons.has(reasonOf(error)) && error instanceof ClientError)
      return { events: records, faults: [error.details], isCut: true };
    if (!timeout.aborted) throw error;
    if (lastTypes.length > 0) return { events: records, faults: [missingText(topic, lastTypes)], isCut: false };
  }
  return { events: records, faults: [], isCut: false };
}

function missingText(topic: string, types: readonly string[]): string {
  const causes = 'it waits in the outbox, was removed or skipped, or its service publishes elsewhere';
  return `${topic} has no ${types.join(' or ')} of this order: ${causes}`;
}

/** The text for what is missing because the process at this address runs without a service. */
export function notServedText(service: string): string {
  return `${service} is not served at this address`;
}

function paidOrder({ payload }: EventRecord): string | undefined {
  return PaymentEvent.fromJSON(JSON.parse(new TextDecoder().decode(payload))).payment?.orderId;
}

const terminal: ReadonlySet<OrderState> = new Set([
  OrderState.ORDER_STATE_COMPLETED,
  OrderState.ORDER_STATE_FAILED,
  OrderState.ORDER_STATE_CANCELLED,
]);

/** Whether an order is in a terminal state. */
export function hasEnded({ state }: Order): boolean {
  return terminal.has(state);
}

const maxMailWaitMs = 10_000;
const pollMs = 100;
const mailsOfOrder = 2;

/** The mails of an order. */
export interface FoundMails {
  readonly mails: readonly Notification[];
  /** Why others may be missing. Empty: none is missing. */
  readonly faults: readonly string[];
}

/**
 * Finds the notifications of an order; if it has just ended, once its two mails are sent, or after 10 s. Does not wait if
 * `isCut`, if the notification service cannot read its events, or if it is not served here.
 */
export async function findMails(mesh: Mesh, order: Order, isCut: boolean): Promise<FoundMails> {
  try {
    return await waitForMails(mesh, order, isCut);
  } catch (error) {
    if (!isNotServed(error)) throw error;
    return { mails: [], faults: [notServedText('notification')] };
  }
}

async function waitForMails(mesh: Mesh, order: Order, isCut: boolean): Promise<FoundMails> {
  const giveUpMs = (order.updateTime?.getTime() ?? 0) + maxMailWaitMs;
  for (;;) {
    const mails = await retryUnavailable(mesh, () =>
      Array.fromAsync(mesh.notifications.listNotifications({ orderId: order.id })),
    );
    const settled = mails.filter(({ state }) => state !== NotificationState.NOTIFICATION_STATE_QUEUED);
    if (settled.length >= mailsOfOrder || !hasEnded(order)) return { mails, faults: [] };
    const stops = isCut
      ? ['the notification service stops at the same event']
      : await retryUnavailable(mesh, () => readingFaults(mesh));
    if (stops.length === 0 && Date.now() < giveUpMs) await sleep(pollMs);
    else return { mails, faults: mails.length < mailsOfOrder ? stops : [] };
  }
}

/** Returns why the notification service cannot read its events, if a record is damaged. Empty if ops is not served here. */
async function readingFaults({ problems }: Mesh): Promise<string[]> {
  const { names } = await problems.listHealth({}).catch((error) => {
    if (isNotServed(error)) return { names: [] };
    throw error;
  });
  const found = names.find(({ name }) => name === NotificationServiceDefinition.fullName)?.problems ?? [];
  return found.filter(({ reason }) => damageReasons.has(reason)).map(({ message }) => message);
}
