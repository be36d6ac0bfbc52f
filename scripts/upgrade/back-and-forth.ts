import { setTimeout as sleep } from 'node:timers/promises';
import { readAccess } from '../../examples/support/access.ts';
import { connect } from '../../examples/support/mesh.ts';
import { messageOf } from '../../mesh/errors/error-text.ts';
import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';
import { prepareData } from '../load/prepare.ts';
import { type Before, type Effects, type LiveShipments, readBefore, readEffects } from '../rolling/effects.ts';
import { connectShop, startOrders } from '../rolling/orders.ts';

/** Starts the mesh of one version on the shared data. */
export type StartVersion = (version: 'older' | 'newer') => Promise<StartedProcess>;

export interface ForthAndBackOptions {
  readonly start: StartVersion;
  readonly liveShipments: LiveShipments;
  readonly say: (line: string) => void;
}

const ordersPerSecond = 5;
const phaseMs = 4_000;

/** What the orders that were placed so far have done. */
export type ReadEffects = (mesh: StartedProcess) => Promise<Effects>;

/**
 * Both versions on the same PostgreSQL, Kafka and RabbitMQ: next to each other, the newer one alone until it is killed with orders
 * in progress, the older one again, and at the end both. Resolves with what all orders did.
 */
export async function nextToEachOther(options: ForthAndBackOptions): Promise<Effects> {
  const { start, say } = options;
  await using older = await start('older');
  const orders = await prepare(older, options);
  {
    await using newer = await start('newer');
    say('both versions: orders at each');
    await orders.place(older, newer);
    await older.stop();
    say('the newer version: orders, then killed');
    await orders.place(newer);
    await newer.kill9();
  }
  await using again = await start('older');
  say('the older version again: orders');
  await orders.place(again);
  await using last = await start('newer');
  say('both versions: orders at each');
  await orders.place(again, last);
  return await orders.effects(last);
}

/**
 * First the older version on files of SQLite, until it is killed with orders in progress, then the newer one. Then the older one is
 * started on what that has written, and the newer one again. Resolves with what all orders did, and what the older one said.
 */
export async function oneAfterTheOther(options: ForthAndBackOptions): Promise<Effects & { readonly wayBack: string }> {
  const { start, say } = options;
  const older = await start('older');
  const orders = await prepare(older, options);
  say('the older version: orders, then killed');
  await orders.place(older);
  await older.kill9();
  {
    await using newer = await start('newer');
    say('the newer version: orders');
    await orders.place(newer);
    await orders.effects(newer);
    await newer.stop();
  }
  const wayBack = await start('older').then(
    async (back) => {
      await back.stop();
      return 'starts';
    },
    (error: unknown) => `refuses to start: ${refusalIn(messageOf(error))}`,
  );
  await using last = await start('newer');
  return { ...(await orders.effects(last)), wayBack };
}

/** The line of a process's output that says why it does not start. */
function refusalIn(output: string): string {
  return /^cannot start: (.*)$/m.exec(output)?.[1] ?? output;
}

interface Orders {
  /** Places orders at each mesh, at the same time, for some seconds. */
  place(...meshes: readonly StartedProcess[]): Promise<void>;
  readonly effects: ReadEffects;
}

/** Creates users, items and money, and remembers what there is before the first order. */
async function prepare(mesh: StartedProcess, { liveShipments, say }: ForthAndBackOptions): Promise<Orders> {
  const prepared = connect(mesh.address, readAccess({ DATA_DIR: 'none' }, mesh.address));
  await prepareData(prepared, say).finally(() => prepared.close());
  const before: Before = await readBefore(connectShop(mesh));
  const ids: string[] = [];
  let failedCalls = 0;
  return {
    async place(...meshes) {
      const callers = meshes.map((each) =>
        startOrders(each.address, (order) => connectShop(each).orders.placeOrder(order), ordersPerSecond),
      );
      await sleep(phaseMs);
      for (const caller of callers) {
        await caller.end();
        ids.push(...caller.placed().ids);
        failedCalls += caller.placed().failedCalls;
      }
    },
    effects: (at) => readEffects(connectShop(at), liveShipments, { ids, failedCalls }, before),
  };
}
