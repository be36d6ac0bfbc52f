import { setTimeout as sleep } from 'node:timers/promises';
import { SagaState } from '#gen/ops/v1/ops.ts';
import { exitCode } from '../../examples/support/failures.ts';
import type { Mesh } from '../../examples/support/mesh.ts';
import { CommandError } from '../ordermesh/cli.ts';

// Accepted orders may take this long to end: PlaceOrder accepts what can be finished in five minutes.
const maxDrainMs = 600_000;
const pollMs = 200;

/** Returns how many orders have neither ended nor need attention. */
async function unfinishedOrders({ status }: Mesh): Promise<number> {
  const { sagas } = await status.getStatus({});
  const running = sagas.filter(({ state }) => state !== SagaState.SAGA_STATE_NEEDS_ATTENTION);
  return running.reduce((sum, { count }) => sum + Number(count), 0);
}

/** Waits until no order is unfinished. Returns how many were, and how many seconds that took. */
export async function untilOrdersEnd(mesh: Mesh): Promise<{ readonly count: number; readonly seconds: number }> {
  const startMs = performance.now();
  const count = await unfinishedOrders(mesh);
  for (let left = count; left > 0; left = await unfinishedOrders(mesh)) {
    if (performance.now() - startMs > maxDrainMs) {
      const text = `${left} orders have not ended after ${maxDrainMs / 1_000} s: see "make status"`;
      throw new CommandError(text, exitCode.attention);
    }
    await sleep(pollMs);
  }
  return { count, seconds: (performance.now() - startMs) / 1_000 };
}

/** Waits until no order is unfinished. Returns how long that took, in one line or none. */
export async function drainOrders(mesh: Mesh): Promise<string[]> {
  const { count, seconds } = await untilOrdersEnd(mesh);
  if (count === 0) return [];
  return [`orders: ${count} were unfinished when the load ended, and all ended ${seconds.toFixed(1)} s later`];
}
