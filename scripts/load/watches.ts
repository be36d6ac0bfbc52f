import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Mesh } from '../../examples/support/mesh.ts';
import type { RunResult } from './ghz.ts';
import { untilOrdersEnd } from './orders.ts';
import { concurrently, counts } from './prepare.ts';
import { type GhzConfig, watchersPerOrder, watchesFile } from './profile.ts';

// ghz knows only the ids of orders that exist. Orders are completed first come, first served, so others are placed before: what
// the mesh completes in this time, and as many as are watched. ghz starts and begins all watches meanwhile.
const headStartSeconds = 3;
const measuredOrders = 400;

/** Orders that wait to be watched. */
export interface WatchedOrders {
  /** Orders with greater ids, up to the last of `ids`, are watched. */
  readonly afterId: string;
  /** In the order in which ghz watches them. */
  readonly ids: readonly string[];
}

/**
 * Measures how fast the mesh completes orders. Then places the orders that a run watches, after others that are not watched.
 * Writes the ids to the file from which ghz reads them.
 */
export async function placeWatchedOrders(mesh: Mesh, { total = 0 }: GhzConfig): Promise<WatchedOrders> {
  const count = total / watchersPerOrder;
  const { perSecond, waitingPart } = await measureCompletion(mesh);
  const ahead = headStartSeconds * perSecond + count;
  const placed = await placeOrders(mesh, Math.ceil(ahead / waitingPart) + count);
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

interface Completion {
  readonly perSecond: number;
  /** Which part of the orders that are placed at once still waits when the last one was accepted: 0.1 or more. */
  readonly waitingPart: number;
}

async function measureCompletion(mesh: Mesh): Promise<Completion> {
  const startMs = performance.now();
  await placeOrders(mesh, measuredOrders);
  const acceptedMs = performance.now() - startMs;
  await untilOrdersEnd(mesh);
  const endedMs = performance.now() - startMs;
  return { perSecond: (measuredOrders / endedMs) * 1_000, waitingPart: Math.max(0.1, 1 - acceptedMs / endedMs) };
}

/** Returns the ids. */
async function placeOrders({ orders }: Mesh, count: number): Promise<string[]> {
  const indexes = Array.from({ length: count }, (_, index) => index);
  return concurrently(indexes, async (index) => (await orders.placeOrder(orderOf(index))).id);
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
