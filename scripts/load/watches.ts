import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Mesh } from '../../examples/support/mesh.ts';
import type { RunResult } from './ghz.ts';
import { concurrently, counts } from './prepare.ts';
import { type GhzConfig, watchersPerOrder, watchesFile } from './profile.ts';

// ghz knows only the ids of orders that exist. Orders are completed first come, first served, so these and as many as are
// watched are placed before: they are not completed until all watchers have begun.
const minAhead = 400;

/** Orders that wait to be watched. */
export interface WatchedOrders {
  /** Orders with greater ids, up to the last of `ids`, are watched. */
  readonly afterId: string;
  /** In the order in which ghz watches them. */
  readonly ids: readonly string[];
}

/**
 * Places the orders that a run watches, after others that are not watched, and faster than the mesh completes them. Writes the
 * ids to the file from which ghz reads them.
 */
export async function placeWatchedOrders({ orders }: Mesh, { total = 0 }: GhzConfig): Promise<WatchedOrders> {
  const count = total / watchersPerOrder;
  const indexes = Array.from({ length: minAhead + 2 * count }, (_, index) => index);
  const placed = await concurrently(indexes, async (index) => (await orders.placeOrder(orderOf(index))).id);
  // Ids are in the order of creation.
  const [afterId = '', ...ids] = placed.toSorted().slice(-count - 1);
  const watches = ids.flatMap((id) => Array.from({ length: watchersPerOrder }, () => ({ id })));
  await mkdir(dirname(watchesFile), { recursive: true });
  await writeFile(watchesFile, JSON.stringify(watches));
  return { afterId, ids };
}

/**
 * Returns how many watches began before the last change of their order, in one line: those received changes, the others only
 * the order as it ended. The clocks of the mesh and of this machine have to agree.
 */
export async function describeWatches(
  { orders }: Mesh,
  { afterId, ids }: WatchedOrders,
  { details }: RunResult,
): Promise<string> {
  const endMs = new Map<string, number>();
  for await (const { id, updateTime } of orders.listOrders({ afterId })) endMs.set(id, updateTime?.getTime() ?? 0);
  const watches = details.toSorted((a, b) => a.startMs - b.startMs);
  const live = watches.filter(({ startMs, isOk }, index) => {
    const id = ids[Math.floor(index / watchersPerOrder)] ?? '';
    return isOk && startMs < (endMs.get(id) ?? 0);
  });
  const [part, whole] = [live.length, details.length].map((count) => count.toLocaleString('en'));
  return `watches: ${part} of ${whole} began before their order had ended, and received its changes`;
}

function orderOf(index: number) {
  return {
    requestId: randomUUID(),
    userId: `load-${index % counts.accounts}`,
    items: [{ sku: `load-${index % counts.items}`, quantity: 1, unitPrice: undefined }],
    shippingAddress: {
      recipient: 'Ada Lovelace',
      lines: ["12 St James's Square"],
      city: 'London',
      postalCode: 'SW1Y 4JH',
      countryCode: 'GB',
    },
  };
}
