import { styleText } from 'node:util';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { followOrder } from './demo/accepted-order.ts';
import { findMesh, killMesh } from './demo/kill-mesh.ts';
import { prepareOrder } from './demo/prepare.ts';
import { retryUnavailable } from './demo/retry.ts';
import { heading, orderLines, sincePlaced, traceOrder } from './demo/show-order.ts';
import { reportWaits, stateName, watchOrder } from './demo/watch-order.ts';
import { formatMoney } from './support/format-money.ts';
import type { Mesh } from './support/mesh.ts';
import { runExample } from './support/run-example.ts';

/**
 * Places an order, watches it until it ends, and prints everything it caused. With `KILL=1` it kills the mesh as soon as the
 * order is accepted, and waits until it was started again.
 */
await runExample(async (mesh) => {
  const pid = ['', '0'].includes(process.env.KILL ?? '') ? undefined : findMesh(mesh.address);
  console.log(heading(`An order on ${mesh.address}`));
  const request = await prepareOrder(mesh);
  const placed = await retryUnavailable(mesh, () => mesh.orders.placeOrder(request));
  console.log(`  order    ${placed.id}${placed.total ? `, ${formatMoney(placed.total)}` : ''}`);
  if (pid !== undefined) killMesh(pid);

  return await followOrder(mesh, placed.id, () => showOrder(mesh, placed));
});

/** Watches an order until it ends and prints what it caused. Returns whether it is completed. */
async function showOrder(mesh: Mesh, placed: Order): Promise<boolean> {
  console.log(heading('Watching the order'));
  using waits = reportWaits(mesh, placed.id);
  const order = await watchOrder(mesh, placed.id, (change) => {
    waits.changed();
    console.log(`${sincePlaced(placed, change.updateTime?.getTime())}  ${stateName(change.state)}`);
  });
  for (const line of orderLines(await traceOrder(mesh, order))) console.log(line);

  const completed = order.state === OrderState.ORDER_STATE_COMPLETED;
  const ending = order.failure ? ` (${order.failure.reason}: ${order.failure.message})` : '';
  console.log(`\norder ${order.id} is ${styleText(completed ? 'green' : 'red', stateName(order.state))}${ending}`);
  return completed;
}
