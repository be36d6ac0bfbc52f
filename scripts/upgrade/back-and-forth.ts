import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';
import type { Effects } from '../rolling/effects.ts';
import { type Orders, type OrdersOptions, prepareOrders } from './orders.ts';
import { type StartVersion, stopCleanly, tryWayBack, type Version } from './versions.ts';

export interface BackAndForthOptions extends OrdersOptions {
  readonly start: StartVersion;
}

/**
 * Both versions on the same PostgreSQL, Kafka and RabbitMQ: next to each other, the newer one alone until it is killed with orders
 * in progress, the older one again until it is killed too, the newer one, and at the end both. Resolves with what all orders did.
 */
export async function nextToEachOther(options: BackAndForthOptions): Promise<Effects> {
  const { start, say } = options;
  await using older = await start('older');
  const orders = await prepareOrders(older, options);
  await using newer = await start('newer');
  say('both versions: orders at each');
  await orders.place(older, newer);
  await stopCleanly('older', older);
  const ofNewer = await kill('newer', orders, newer, say);
  await using again = await start('older');
  await awaitEnd('older', orders, again, ofNewer, say);
  const ofOlder = await kill('older', orders, again, say);
  await using last = await start('newer');
  await awaitEnd('newer', orders, last, ofOlder, say);
  await using next = await start('older');
  say('both versions: orders at each');
  await orders.place(next, last);
  const effects = await orders.effects(last);
  await stopCleanly('older', next);
  await stopCleanly('newer', last);
  return effects;
}

/**
 * First the older version on files of SQLite, until it is killed with orders in progress, then the newer one. Then the older one is
 * started on what that has written, and the newer one again. Resolves with what all orders did, and what the older one did.
 */
export async function oneAfterTheOther(options: BackAndForthOptions): Promise<Effects & { readonly wayBack: string }> {
  const { start, say } = options;
  await using older = await start('older');
  const orders = await prepareOrders(older, options);
  const ofOlder = await kill('older', orders, older, say);
  {
    await using newer = await start('newer');
    await awaitEnd('newer', orders, newer, ofOlder, say);
    say('the newer version: orders');
    await orders.place(newer);
    await orders.effects(newer);
    await stopCleanly('newer', newer);
  }
  const wayBack = await tryWayBack(start);
  await using last = await start('newer');
  const effects = await orders.effects(last);
  await stopCleanly('newer', last);
  return { ...effects, wayBack };
}

type Say = OrdersOptions['say'];

async function kill(version: Version, orders: Orders, mesh: StartedProcess, say: Say): Promise<readonly string[]> {
  say(`the ${version} version: orders, until it is killed`);
  const ids = await orders.placeAndKill(mesh);
  say(`  ${ids.length} orders in progress at the kill`);
  return ids;
}

async function awaitEnd(version: Version, orders: Orders, mesh: StartedProcess, ids: readonly string[], say: Say) {
  await orders.awaitEnd(mesh, ids);
  say(`  all ${ids.length} have ended at the ${version} version`);
}
