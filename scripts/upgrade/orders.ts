import { setTimeout as sleep } from 'node:timers/promises';
import { readAccess } from '../../examples/support/access.ts';
import { connect } from '../../examples/support/mesh.ts';
import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';
import { prepareData } from '../load/prepare.ts';
import { type Effects, readBefore, readEffects } from '../rolling/effects.ts';
import { connectShop, type OrderCaller, startOrders } from '../rolling/orders.ts';
import { isEnded } from '../support/order-faults.ts';
import type { HeldCarrier } from './held-carrier.ts';

const ordersPerSecond = 5;
const phaseMs = 4_000;
/** Shorter than shipping waits for a carrier, so that no call to it has failed when the mesh is killed. */
const heldMs = 1_500;
const settleMs = 60_000;
const pollMs = 200;

/** Orders of both versions, and what they did. */
export interface Orders {
  /** Places orders at each mesh, at the same time, for some seconds. */
  place(...meshes: readonly StartedProcess[]): Promise<void>;
  /**
   * Places orders at a mesh and kills it meanwhile. Returns the ids of orders that it leaves unfinished: from before they are read
   * until it is killed, the carrier answers nothing. Throws if there are none.
   */
  placeAndKill(mesh: StartedProcess): Promise<readonly string[]>;
  /** Waits until these orders have ended at a mesh, completed or refused. Throws if it takes longer than a minute. */
  awaitEnd(mesh: StartedProcess, ids: readonly string[]): Promise<void>;
  /** What all orders that were placed so far have done, when they have ended. */
  effects(mesh: StartedProcess): Promise<Effects>;
}

export interface OrdersOptions {
  readonly carrier: Pick<HeldCarrier, 'hold' | 'release' | 'liveShipments'>;
  readonly say: (line: string) => void;
}

/** Creates users, items and money, and remembers what there is before the first order. */
export async function prepareOrders(mesh: StartedProcess, { carrier, say }: OrdersOptions): Promise<Orders> {
  const prepared = connect(mesh.address, readAccess({ DATA_DIR: 'none' }, mesh.address));
  await prepareData(prepared, say).finally(() => prepared.close());
  const before = await readBefore(connectShop(mesh));
  const ids: string[] = [];
  let failedCalls = 0;
  const startAt = (each: StartedProcess) =>
    startOrders(each.address, (order) => connectShop(each).orders.placeOrder(order), ordersPerSecond);
  const end = async (caller: OrderCaller) => {
    await caller.end();
    ids.push(...caller.placed().ids);
    failedCalls += caller.placed().failedCalls;
  };
  return {
    async place(...meshes) {
      const callers = meshes.map(startAt);
      await sleep(phaseMs);
      await Promise.all(callers.map(end));
    },
    async placeAndKill(killed) {
      const caller = startAt(killed);
      await sleep(phaseMs - heldMs);
      carrier.hold();
      try {
        await sleep(heldMs);
        const unfinished = await readUnfinished(killed);
        // No call begins after the kill. Those that were made then fail.
        const ending = end(caller);
        await killed.kill9();
        await ending;
        if (unfinished.length === 0) throw new Error('no order was in progress at the kill, so it shows nothing');
        return unfinished;
      } finally {
        carrier.release();
      }
    },
    async awaitEnd(at, started) {
      const lateMs = Date.now() + settleMs;
      for (;;) {
        const unfinished = new Set(await readUnfinished(at));
        const left = started.filter((id) => unfinished.has(id));
        if (left.length === 0) return;
        if (Date.now() > lateMs) {
          throw new Error(
            `orders of the killed version are unfinished after ${settleMs / 1_000} s: ${left.join(', ')}`,
          );
        }
        await sleep(pollMs);
      }
    },
    effects: (at) => readEffects(connectShop(at), carrier.liveShipments, { ids, failedCalls }, before),
  };
}

async function readUnfinished(mesh: StartedProcess): Promise<readonly string[]> {
  const orders = await Array.fromAsync(connectShop(mesh).orders.listOrders({}));
  return orders.filter((order) => !isEnded(order)).map(({ id }) => id);
}
