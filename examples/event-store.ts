import { randomUUID } from 'node:crypto';
import { systemClock as clock, MeshError } from '#mesh';
import { openOwnEventStore } from './support/own-database.ts';

// Event sourcing without a running mesh. Uses the database DATABASE_URL, or a SQLite file in DATA_DIR (default data) that is
// removed at the end. Only events are stored; the balance is computed from them whenever it is needed.

await using opened = await openOwnEventStore();
const { eventStore } = opened;

await deposit('acc1', 10_000n);
// Instead of: UPDATE accounts SET balance = 15000 WHERE id = 'acc1'
await deposit('acc1', 5_000n);
for (const { version, type, data } of await eventStore.getEvents('account-acc1')) {
  console.log(`event ${version}: ${type} ${JSON.stringify(data)}`);
}
console.log(`balance of acc1: ${await getCurrentBalance('acc1')} minor units`);

await showConflict();
console.log(`balance of acc1: ${await getCurrentBalance('acc1')} minor units`);

/** Current state is derived by replaying events. */
async function getCurrentBalance(accountId: string): Promise<bigint> {
  const events = await eventStore.getEvents(`account-${accountId}`);
  return events.reduce((balance, event) => {
    if (event.type === 'MONEY_DEPOSITED') return balance + BigInt(String(event.data.amount));
    if (event.type === 'MONEY_WITHDRAWN') return balance - BigInt(String(event.data.amount));
    return balance;
  }, 0n);
}

/** Deposits money. Fails if the account changes in the meantime. */
async function deposit(accountId: string, amount: bigint): Promise<void> {
  // Read the version before the balance: if an event is added in between, the append is refused.
  const version = await versionOf(accountId);
  await eventStore.append(`account-${accountId}`, version, await depositOf(accountId, amount));
}

/** Amounts are strings because JSON numbers are exact only up to 2^53. */
async function depositOf(accountId: string, amount: bigint) {
  const previousBalance = await getCurrentBalance(accountId);
  return {
    type: 'MONEY_DEPOSITED',
    schemaVersion: 1,
    data: {
      accountId,
      amount: String(amount),
      previousBalance: String(previousBalance),
      newBalance: String(previousBalance + amount),
    },
    timeMs: clock.now(),
    correlationId: randomUUID(),
  };
}

async function versionOf(accountId: string): Promise<bigint> {
  return (await eventStore.getEvents(`account-${accountId}`)).at(-1)?.version ?? 0n;
}

/** Two writers decide on the same version. The second one is refused, reads the new state and decides again. */
async function showConflict(): Promise<void> {
  const version = await versionOf('acc1');
  const [first, second] = [await depositOf('acc1', 100n), await depositOf('acc1', 200n)];
  await eventStore.append('account-acc1', version, first);
  try {
    await eventStore.append('account-acc1', version, second);
    throw new Error('the second writer was not refused');
  } catch (error) {
    if (!(error instanceof MeshError)) throw error;
    console.log(`the second writer was refused with ${error.reason}: ${error.message}`);
    await deposit('acc1', 200n);
  }
}
