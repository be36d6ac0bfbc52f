import { type AuditCheck, type Finding, type Queryable, readPages } from '#mesh';
import type { Item } from '../domain/item.ts';
import { reservedStockDiffers, stockOutOfBounds } from '../errors.ts';
import { findHeldStock, findItems, findItemsAfter, type HeldStock } from '../store/item-store.ts';
import { findReservationsAfter } from '../store/reservation-store.ts';

const itemsPerStatement = 200;
/** How often items that differ are compared again. Those that change each time are then read in one statement. */
const maxAttempts = 3;

/** Checks that the reserved stock of each item equals what orders hold, and is available. */
export function auditStock(db: Queryable): AuditCheck {
  return {
    name: 'inventory/reserved-stock',
    async *run(progress, signal) {
      const held = await sumHeld(db, signal);
      const suspects: string[] = [];
      const fetch = (sku: string, size: number) => findItemsAfter(db, sku, size);
      for await (const item of readPages({ after: '', signal, fetch, cursorOf: ({ sku }) => sku })) {
        progress.examined(1);
        yield* outOfBounds(item);
        if (item.reserved !== (held.get(item.sku) ?? 0n)) suspects.push(item.sku);
      }
      yield* recheck(db, suspects, signal);
    },
  };
}

/**
 * Sums what orders hold, by sku. It reads page by page, so calls are answered in between, and the sums may be of different
 * moments.
 */
async function sumHeld(db: Queryable, signal: AbortSignal): Promise<ReadonlyMap<string, bigint>> {
  const held = new Map<string, bigint>();
  const fetch = (orderId: string, size: number) =>
    findReservationsAfter(db, orderId, { state: 'RESERVED', owner: '' }, size);
  for await (const { items } of readPages({ after: '', signal, fetch, cursorOf: ({ orderId }) => orderId })) {
    for (const { sku, quantity } of items) held.set(sku, (held.get(sku) ?? 0n) + quantity);
  }
  return held;
}

/** Yields what still differs. An item has a new version after each reservation: without one, its sum is of one moment. */
async function* recheck(db: Queryable, suspects: readonly string[], signal: AbortSignal): AsyncGenerator<Finding> {
  let skus = suspects;
  for (let attempts = 1; attempts <= maxAttempts && skus.length > 0; attempts += 1) {
    const before = await versionsOf(db, skus);
    const held = await sumHeld(db, signal);
    const changed: string[] = [];
    for (const { sku, reserved, version } of await findAll(db, skus)) {
      const stock = { sku, reserved, held: held.get(sku) ?? 0n };
      if (before.get(sku) !== version) changed.push(sku);
      else yield* difference(stock);
    }
    skus = changed;
  }
  for (let start = 0; start < skus.length; start += itemsPerStatement) {
    signal.throwIfAborted();
    for (const stock of await findHeldStock(db, skus.slice(start, start + itemsPerStatement))) yield* difference(stock);
  }
}

async function versionsOf(db: Queryable, skus: readonly string[]): Promise<ReadonlyMap<string, bigint>> {
  return new Map((await findAll(db, skus)).map(({ sku, version }) => [sku, version]));
}

async function findAll(db: Queryable, skus: readonly string[]): Promise<Item[]> {
  const found: Item[] = [];
  for (let start = 0; start < skus.length; start += itemsPerStatement) {
    found.push(...(await findItems(db, skus.slice(start, start + itemsPerStatement))).values());
  }
  return found;
}

function difference({ sku, reserved, held }: HeldStock): Finding[] {
  if (reserved === held) return [];
  const message = `${reserved} of item "${sku}" are reserved, but orders hold ${held}`;
  return [{ reason: reservedStockDiffers.reason, ids: [sku], message }];
}

function outOfBounds({ sku, onHand, reserved }: Item): Finding[] {
  if (reserved >= 0n && reserved <= onHand) return [];
  const message = `${reserved} of item "${sku}" are reserved, which has ${onHand} on hand`;
  return [{ reason: stockOutOfBounds.reason, ids: [sku], message }];
}
