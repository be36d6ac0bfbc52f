import { randomUUID } from 'node:crypto';
import { reasonOf } from '../../examples/support/clients.ts';
import type { Mesh } from '../../examples/support/mesh.ts';

/** The profiles in `load/` use these ids: load-0, load-1, … */
export const counts = { users: 1_000, accounts: 100, items: 100 } as const;
const concurrentCalls = 64;
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
// Both are filled up when a run may have used half of them.
const [funds, stock] = [1_000_000_000_000n, 1_000_000_000n];

/** Creates what is missing of the users, the items with stock and the accounts with money that the profiles use. */
export async function prepareData(mesh: Mesh): Promise<void> {
  await Promise.all([
    prepareUsers(mesh),
    concurrently(ids(counts.items), (sku) => prepareItem(mesh, sku)),
    concurrently(ids(counts.accounts), (id) => prepareAccount(mesh, id)),
  ]);
}

async function prepareUsers({ users }: Mesh): Promise<void> {
  const { missingIds } = await users.batchGetUsers({ ids: ids(counts.users) });
  if (missingIds.length === 0) return;
  await users.importUsers(
    (async function* () {
      for (const id of missingIds) yield { user: { id, name: id, email: `${id}@example.com`, role: 'load' } };
    })(),
  );
}

async function prepareItem({ inventory }: Mesh, sku: string): Promise<void> {
  const { items } = await inventory.batchGetItems({ skus: [sku] });
  const [found] = items;
  if (!found) {
    const item = { sku, name: `Item ${sku}`, unitPrice: usd(1_999n), onHand: stock };
    await inventory.createItem({ requestId: randomUUID(), item });
  } else if (found.onHand < stock / 2n) {
    const delta = stock - found.onHand;
    await inventory.adjustStock({ requestId: randomUUID(), sku, delta, reason: 'load test' });
  }
}

async function prepareAccount({ accounts }: Mesh, accountId: string): Promise<void> {
  const balance = await accounts.getBalance({ accountId }).then(
    (account) => account.balance?.minorUnits ?? 0n,
    async (error) => {
      if (reasonOf(error) !== 'ACCOUNT_NOT_FOUND') throw error;
      await accounts.openAccount({ requestId: randomUUID(), accountId, currencyCode: 'USD' });
      return 0n;
    },
  );
  if (balance >= funds / 2n) return;
  await accounts.deposit({ requestId: randomUUID(), accountId, amount: usd(funds - balance), reference: 'load test' });
}

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `load-${index}`);
}

/** Runs `work` for each value, some at a time, and returns the results in order. */
export async function concurrently<V, T>(values: readonly V[], work: (value: V) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  const queue = values.entries();
  const worker = async () => {
    for (const [index, value] of queue) results[index] = await work(value);
  };
  await Promise.all(Array.from({ length: concurrentCalls }, worker));
  return results;
}
