import { styleText } from 'node:util';
import { type Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { findEvents, findMails, mailPath, readMail } from './demo/find-traces.ts';
import { prepareOrder } from './demo/prepare.ts';
import { retryUnavailable } from './demo/retry.ts';
import { timelineOf } from './demo/timeline.ts';
import { reportWaits, stateName, watchOrder } from './demo/watch-order.ts';
import { formatMoney } from './support/format-money.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/** Places an order, watches it until it ends, and prints everything it caused. */
await runExample(async (mesh) => {
  heading(`An order on ${mesh.address}`);
  const request = await prepareOrder(mesh);
  const placed = await retryUnavailable(mesh, () => mesh.orders.placeOrder(request));
  console.log(`  order    ${placed.id}${placed.total ? `, ${formatMoney(placed.total)}` : ''}`);

  heading('Watching the order');
  using waits = reportWaits(mesh, placed.id);
  const order = await watchOrder(mesh, placed.id, (change) => {
    waits.changed();
    console.log(`${sincePlaced(placed, change.updateTime?.getTime())}  ${stateName(change.state)}`);
  });
  await showTimeline(mesh, order);

  const completed = order.state === OrderState.ORDER_STATE_COMPLETED;
  const ending = order.failure ? ` (${order.failure.reason}: ${order.failure.message})` : '';
  console.log(`\norder ${order.id} is ${styleText(completed ? 'green' : 'red', stateName(order.state))}${ending}`);
  return completed;
});

async function showTimeline(mesh: Mesh, order: Order): Promise<void> {
  const mails = await findMails(mesh, order.id);
  const events = await findEvents(mesh, order);
  const saga = await retryUnavailable(mesh, () => mesh.sagas.getSaga({ name: { $case: 'orderId', value: order.id } }));

  heading('Timeline: saga steps, events in the log, mails from the task queue');
  const moments = timelineOf(saga, events ?? [], mails);
  for (const { timeMs, kind, what, detail } of moments) {
    console.log(`${sincePlaced(order, timeMs)}  ${kind.padEnd(5)}  ${what.padEnd(17)}  ${styleText('dim', detail)}`);
  }
  if (events === undefined) {
    console.log('  -- the event log is unavailable. The events of this order wait in the outbox until it is back');
  }
  for (const mail of mails) await showMail(mail);
}

async function showMail(mail: Notification): Promise<void> {
  if (mail.state !== NotificationState.NOTIFICATION_STATE_SENT) {
    heading(`mail ${mail.template}`);
    console.log(`  ${unsentText(mail.state)}`);
    return;
  }
  heading(mailPath(mail));
  const lines = (await readMail(mail, 4)) ?? ['not on this machine: set DATA_DIR to the data folder of the mesh'];
  for (const line of lines) console.log(`  ${line}`);
}

function unsentText(state: NotificationState): string {
  return state === NotificationState.NOTIFICATION_STATE_DEAD
    ? 'could not be sent: "make dead-letters" shows why'
    : 'not sent yet: it waits in the outbox or the task queue';
}

function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

/** The time since the order was placed, such as `   +12 ms`. */
function sincePlaced({ createTime }: Order, timeMs: number | undefined): string {
  const passedMs = (timeMs ?? Number.NaN) - (createTime?.getTime() ?? Number.NaN);
  return `${passedMs < 0 ? '' : '+'}${passedMs} ms`.padStart(11);
}
