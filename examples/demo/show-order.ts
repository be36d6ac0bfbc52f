import { styleText } from 'node:util';
import { ClientError, Status } from 'nice-grpc';
import type { EventRecord } from '#gen/events/v1/events.ts';
import { type Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import { Saga } from '#gen/ops/v1/ops.ts';
import type { Order } from '#gen/order/v1/order.ts';
import { withCommandsHere } from '../../mesh/errors/commands-here.ts';
import { isNotServed } from '../support/clients.ts';
import type { Mesh } from '../support/mesh.ts';
import { type FoundMail, findMail } from './find-mail.ts';
import { findEvents, findMails, hasEnded, notServedText } from './find-traces.ts';
import { retryUnavailable } from './retry.ts';
import { timelineOf } from './timeline.ts';

/** Everything that an order has caused. */
export interface OrderTrace {
  readonly order: Order;
  /** Without steps if it was removed, `SAGAS_RETENTION_MS` after its end. Undefined if ops is not served here. */
  readonly saga: Saga | undefined;
  /** Undefined if the event log is unavailable. */
  readonly events: readonly EventRecord[] | undefined;
  /** Why saga steps, events or mails may be missing. */
  readonly faults: readonly string[];
  readonly mails: readonly ShownMail[];
}

interface ShownMail {
  readonly mail: Notification;
  /** Undefined if it was not sent, or not on this machine. */
  readonly found: FoundMail | undefined;
}

/** Collects what an order has caused. If it has ended, waits a moment for its events and mails. */
export async function traceOrder(mesh: Mesh, order: Order): Promise<OrderTrace> {
  const saga = await retryUnavailable(mesh, () => getSaga(mesh, order.id));
  const found = await findEvents(mesh, order, saga ?? noSaga);
  const { mails, faults } = await findMails(mesh, order, found?.isCut === true);
  const shown = mails.map(async (mail) => ({ mail, found: isSent(mail) ? await findMail(mail, 4) : undefined }));
  return {
    order,
    saga,
    events: found?.events,
    faults: [
      ...(saga ? [] : [`saga steps are missing: ${notServedText('ops')}`]),
      ...(found?.faults ?? []).map((fault) => `events may be missing: ${fault}`),
      ...faults.map((fault) => `mails may be missing: ${fault}`),
    ].map((fault) => withCommandsHere(fault)),
    mails: await Promise.all(shown),
  };
}

const noSaga: Saga = Saga.fromPartial({});

async function getSaga(mesh: Mesh, orderId: string): Promise<Saga | undefined> {
  try {
    return await mesh.sagas.getSaga({ name: { $case: 'orderId', value: orderId } });
  } catch (error) {
    if (error instanceof ClientError && error.code === Status.NOT_FOUND) return noSaga;
    if (isNotServed(error)) return undefined;
    throw error;
  }
}

/** Formats the timeline of an order, and its mails. */
export function orderLines({ order, saga, events, faults, mails }: OrderTrace): string[] {
  const lines = [heading('Timeline: saga steps, events in the log, mails from the task queue')];
  const moments = timelineOf(
    saga ?? noSaga,
    events ?? [],
    mails.map(({ mail }) => mail),
  );
  for (const { timeMs, kind, what, detail } of moments) {
    lines.push(`${sincePlaced(order, timeMs)}  ${kind.padEnd(5)}  ${what.padEnd(18)}  ${styleText('dim', detail)}`);
  }
  if (saga?.steps.length === 0)
    lines.push('  -- its saga has ended so long ago that it was removed (SAGAS_RETENTION_MS)');
  if (events === undefined)
    lines.push('  -- the event log is unavailable. The events of this order wait in the outbox until it is back');
  for (const fault of faults) lines.push(`  -- ${fault}`);
  return [...lines, ...mails.flatMap(mailLines)];
}

function mailLines({ mail, found }: ShownMail): string[] {
  if (found) return [heading(found.path), ...found.lines.map((line) => `  ${line}`)];
  return [heading(`mail ${mail.template}`), `  ${isSent(mail) ? elsewhereText : unsentText(mail.state)}`];
}

const elsewhereText =
  'sent; not in a mailbox here: it went to a mail server, or set DATA_DIR to the data folder of the mesh';

function isSent({ state }: Notification): boolean {
  return state === NotificationState.NOTIFICATION_STATE_SENT;
}

function unsentText(state: NotificationState): string {
  return state === NotificationState.NOTIFICATION_STATE_DEAD
    ? withCommandsHere('could not be sent: "make dead-letters" shows why')
    : 'not sent yet: it waits in the outbox or the task queue';
}

/** A line that begins a section. */
export function heading(text: string): string {
  return `\n${styleText('bold', text)}`;
}

/** The time since the order was placed, such as `   +12 ms` or ` +75.2 s`; without a time `not yet`, or `never` if it has ended. */
export function sincePlaced(order: Order, timeMs: number | undefined): string {
  const { createTime } = order;
  if (timeMs === undefined || createTime === undefined) return (hasEnded(order) ? 'never' : 'not yet').padStart(11);
  const passedMs = timeMs - createTime.getTime();
  const passed = Math.abs(passedMs) < 10_000 ? `${passedMs} ms` : `${(passedMs / 1_000).toFixed(1)} s`;
  return `${passedMs < 0 ? '' : '+'}${passed}`.padStart(11);
}
