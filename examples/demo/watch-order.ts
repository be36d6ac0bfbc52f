import { ClientError } from 'nice-grpc';
import { type Saga, SagaStepState } from '#gen/ops/v1/ops.ts';
import { type Order, type OrderState, orderStateToJSON } from '#gen/order/v1/order.ts';
import type { Mesh } from '../support/mesh.ts';
import { hasEnded } from './find-traces.ts';
import { retryUnavailable } from './retry.ts';
import { attemptsText } from './timeline.ts';

/**
 * Watches an order until it ends and shows each change. If the stream breaks, it watches again: the stream starts with the
 * current order, and the etag shows whether that was seen before.
 */
export function watchOrder(mesh: Mesh, id: string, show: (order: Order) => void): Promise<Order> {
  let seen: Order | undefined;
  return retryUnavailable(mesh, async () => {
    for await (const order of mesh.orders.watchOrder({ id })) {
      if (order.etag !== seen?.etag) show(order);
      seen = order;
    }
    if (seen === undefined || !hasEnded(seen)) throw new Error(`the watch of order ${id} ended too early`);
    return seen;
  });
}

/** Returns a short name, such as `COMPLETED`. */
export function stateName(state: OrderState): string {
  return orderStateToJSON(state).replace('ORDER_STATE_', '');
}

const quietMs = 2_000;

/** Prints what an order is waiting for when nothing has changed for 2 s, until it is disposed. */
export function reportWaits(mesh: Mesh, orderId: string): Disposable & { changed(): void } {
  let reported = '';
  const report = async () => {
    const text = await waitText(mesh, orderId);
    if (text !== '' && text !== reported) console.log(`  -- ${text}`);
    reported = text;
  };
  const timer = setInterval(() => void report(), quietMs);
  return { changed: () => timer.refresh(), [Symbol.dispose]: () => clearInterval(timer) };
}

/** Returns an empty text if the call fails: watchOrder reports that. */
async function waitText(mesh: Mesh, orderId: string): Promise<string> {
  try {
    return describeWait(await mesh.sagas.getSaga({ name: { $case: 'orderId', value: orderId } }));
  } catch (error) {
    if (error instanceof ClientError) return '';
    throw error;
  }
}

/** Returns what a saga is waiting for; empty if for nothing. */
export function describeWait({ steps }: Saga): string {
  const step = steps.find(({ state }) => inProgress.has(state));
  if (step === undefined) return '';
  const undoing = step.undoAttempts > 0;
  const what = undoing ? `the undo of ${step.name}` : step.name;
  const lastError = step.lastError === '' ? '' : `; last error: ${step.lastError}`;
  return `waiting for ${what}, ${attemptsText(undoing ? step.undoAttempts : step.attempts)}${lastError}`;
}

const inProgress: ReadonlySet<SagaStepState> = new Set([
  SagaStepState.SAGA_STEP_STATE_STARTED,
  SagaStepState.SAGA_STEP_STATE_UNDOING,
  SagaStepState.SAGA_STEP_STATE_STUCK,
]);
