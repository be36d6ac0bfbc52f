import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventRecord, Start } from '#gen/events/v1/events.ts';
import { type Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { reasonOf } from '../support/clients.ts';
import type { Mesh } from '../support/mesh.ts';
import { retryUnavailable } from './retry.ts';

/** The events of an order on one topic. */
interface Trail {
  readonly topic: string;
  readonly key: string;
  /** The types that end the trail. */
  readonly lastTypes: readonly string[];
}

// Everything published before the order ended arrives within moments. A trail without a last event is cut here.
const maxReadMs = 5_000;

/** Reads the events of an order from all topics. Returns undefined if the event log is unavailable. */
export async function findEvents(mesh: Mesh, order: Order): Promise<EventRecord[] | undefined> {
  const trails: readonly Trail[] = [
    { topic: 'order.events', key: order.id, lastTypes: ['ORDER_COMPLETED', 'ORDER_FAILED', 'ORDER_CANCELLED'] },
    { topic: 'inventory.events', key: order.id, lastTypes: ['STOCK_COMMITTED', 'STOCK_RELEASED'] },
    // Keyed by account, and an account has its user's id.
    { topic: 'payment.events', key: order.userId, lastTypes: ['MONEY_WITHDRAWN'] },
    { topic: 'shipping.events', key: order.id, lastTypes: ['SHIPMENT_BOOKED', 'SHIPMENT_REFUSED'] },
  ];
  const found = await Promise.all(trails.map((trail) => retryUnavailable(mesh, () => follow(mesh, trail))));
  const known = found.filter((records) => records !== undefined);
  return known.length === found.length ? known.flat() : undefined;
}

/** The stream never ends by itself: stop at a last event or after the time limit. */
async function follow({ events }: Mesh, { topic, key, lastTypes }: Trail): Promise<EventRecord[] | undefined> {
  const timeout = AbortSignal.timeout(maxReadMs);
  const records: EventRecord[] = [];
  try {
    const from = { $case: 'start', value: Start.START_BEGINNING } as const;
    for await (const record of events.subscribe({ topic, key, from }, { signal: timeout })) {
      records.push(record);
      if (lastTypes.includes(record.type)) break;
    }
  } catch (error) {
    // The mesh works without its broker, so do not wait for it.
    if (reasonOf(error).startsWith('EVENTS_')) return undefined;
    if (!timeout.aborted) throw error;
  }
  return records;
}

const maxMailWaitMs = 10_000;
const pollMs = 100;

/** Returns the notifications of an order once the two mails of a completed order are sent, or after 10 s. */
export async function findMails(mesh: Mesh, orderId: string): Promise<Notification[]> {
  const giveUpMs = Date.now() + maxMailWaitMs;
  for (;;) {
    const mails = await retryUnavailable(mesh, () =>
      Array.fromAsync(mesh.notifications.listNotifications({ orderId })),
    );
    const sent = mails.filter(({ state }) => state === NotificationState.NOTIFICATION_STATE_SENT);
    if (sent.length >= 2 || Date.now() > giveUpMs) return mails;
    await sleep(pollMs);
  }
}

/** The file of a sent mail, if the mesh runs on this machine with this DATA_DIR. */
export function mailPath({ id }: Notification): string {
  return join(process.env.DATA_DIR || 'data', 'mail', `${id}.eml`);
}

/** Returns the first lines of a mail, or undefined if its file is not on this machine. */
export async function readMail(mail: Notification, lines: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(mailPath(mail), 'utf8');
    return text.split(/\r?\n/, lines);
  } catch {
    return undefined;
  }
}
