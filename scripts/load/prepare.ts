import { randomUUID } from 'node:crypto';
import type { Item } from '#gen/inventory/v1/inventory.ts';
import { reasonOf } from '../../examples/support/clients.ts';
import type { Mesh } from '../../examples/support/mesh.ts';

/** The profiles in `load/` use these ids: load-0, load-1, … */
export const counts = { users: 1_000, accounts: 100, items: 100 } as const;
const concurrentCalls = 64;
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
// Both are filled up when a run may have used half of them.
const [funds, stock] = [1_000_000_000_000n, 1_000_000_000n];

/**
 * Creates what is missing of the users, the items with stock and the accounts with money that the profiles use. Announces that
 * before, in one line.
 */
export async function prepareData(mesh: Mesh, announce: (line: string) => void): Promise<void> {
  const { missingIds: users } = await mesh.users.batchGetUsers({ ids: ids(counts.users) });
  const { items, missingSkus } = await mesh.inventory.batchGetItems({ skus: ids(counts.items) });
  const balances = await concurrently(ids(counts.accounts), (id) => balanceOf(mesh, id));
  const missingAccounts = balances.flatMap(({ accountId, balance }) => (balance === undefined ? [accountId] : []));
  const created = [
    [users, 'users'] as const,
    [missingSkus, 'items'] as const,
    [missingAccounts, 'accounts'] as const,
  ].filter(([missing]) => missing.length > 0);
  if (created.length > 0) {
    const what = created.map(([missing, name]) => `${missing.length.toLocaleString('en')} ${name}`).join(', ');
    announce(`creating ${what} (load-0, load-1, …) in the mesh at ${mesh.address}, which stay there`);
  }
  await Promise.all([
    createUsers(mesh, users),
    concurrently(missingSkus, (sku) => createItem(mesh, sku)),
    concurrently(items, (item) => fillStock(mesh, item)),
    concurrently(balances, (account) => fillAccount(mesh, account)),
  ]);
}

async function createUsers({ users }: Mesh, userIds: readonly string[]): Promise<void> {
  if (userIds.length === 0) return;
  await users.importUsers(
    (async function* () {
      for (const id of userIds) yield { user: { id, name: id, email: `${id}@example.com`, role: 'load' } };
    })(),
  );
}

async function createItem({ inventory }: Mesh, sku: string): Promise<void> {
  const item = { sku, name: `Item ${sku}`, unitPrice: usd(1_999n), onHand: stock };
  await inventory.createItem({ requestId: randomUUID(), item });
}

async function fillStock({ inventory }: Mesh, { sku, onHand }: Item): Promise<void> {
  if (onHand >= stock / 2n) return;
  await inventory.adjustStock({ requestId: randomUUID(), sku, delta: stock - onHand, reason: 'load test' });
}

interface FoundAccount {
  readonly accountId: string;
  /** Undefined if it does not exist. */
  readonly balance: bigint | undefined;
}

async function balanceOf({ accounts }: Mesh, accountId: string): Promise<FoundAccount> {
  try {
    const { balance } = await accounts.getBalance({ accountId });
    return { accountId, balance: balance?.minorUnits ?? 0n };
  } catch (error) {
    if (reasonOf(error) !== 'ACCOUNT_NOT_FOUND') throw error;
    return { accountId, balance: undefined };
  }
}

async function fillAccount({ accounts }: Mesh, { accountId, balance }: FoundAccount): Promise<void> {
  if (balance === undefined) {
    await accounts.openAccount({ requestId: randomUUID(), accountId, currencyCode: 'USD' });
  }
  const missing = funds - (balance ?? 0n);
  if (missing <= funds / 2n) return;
  await accounts.deposit({ requestId: randomUUID(), accountId, amount: usd(missing), reference: 'load test' });
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
