import { styleText } from 'node:util';
import { type Notification, NotificationState } from '#gen/notification/v1/notification.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { findEvents } from './demo/find-events.ts';
import { findMails, mailPath, readMail } from './demo/find-mails.ts';
import { patiently } from './demo/patience.ts';
import { prepareOrder } from './demo/prepare.ts';
import { tellWaits } from './demo/tell-waits.ts';
import { timelineOf } from './demo/timeline.ts';
import { stateName, watchOrder } from './demo/watch-order.ts';
import { amountText } from './support/amount-text.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/** Places an order, watches it to its end and shows all that it left behind. */
await runExample(async (mesh) => {
  heading(`An order on ${mesh.address}`);
  const request = await prepareOrder(mesh);
  const placed = await patiently(mesh, () => mesh.orders.placeOrder(request));
  console.log(`  order    ${placed.id}${placed.total ? `, ${amountText(placed.total)}` : ''}`);

  heading('Watching it');
  using waits = tellWaits(mesh, placed.id);
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
  const saga = await patiently(mesh, () => mesh.sagas.getSaga({ name: { $case: 'orderId', value: order.id } }));

  heading('Its timeline: steps of the saga, events in the log, mails from the task queue');
  const moments = timelineOf(saga, events ?? [], mails);
  for (const { timeMs, kind, what, detail } of moments) {
    console.log(`${sincePlaced(order, timeMs)}  ${kind.padEnd(5)}  ${what.padEnd(17)}  ${styleText('dim', detail)}`);
  }
  if (events === undefined) {
    console.log('  -- the event log cannot be read now. What the order published waits in the outbox until it is back');
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
    : 'not sent yet: it waits in the outbox or in the task queue, and is sent when they go on';
}

function heading(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

/** `   +12 ms`: how long after the order was placed. */
function sincePlaced({ createTime }: Order, timeMs: number | undefined): string {
  const passedMs = (timeMs ?? Number.NaN) - (createTime?.getTime() ?? Number.NaN);
  return `${passedMs < 0 ? '' : '+'}${passedMs} ms`.padStart(11);
}
