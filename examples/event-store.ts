import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock as clock, createEventStore, MeshError, openStorage } from '#mesh';

// Event sourcing in a database of its own: DATABASE_URL, or a SQLite file below DATA_DIR (default data) that is gone at the
// end. What happened is kept and not what came of it; that is added up whenever it is wanted, from nothing but the events.

const { url, remove } = databaseOfItsOwn();
const storage = await openStorage(url);
const eventStore = await createEventStore(storage, { clock });
try {
  await deposit('acc1', 10_000n);
  // Instead of: UPDATE accounts SET balance = 15000 WHERE id = 'acc1'
  await deposit('acc1', 5_000n);
  for (const { version, type, data } of await eventStore.getEvents('account-acc1')) {
    console.log(`event ${version}: ${type} ${JSON.stringify(data)}`);
  }
  console.log(`balance of acc1: ${await getCurrentBalance('acc1')} minor units`);

  await tellTwoWriters();
  console.log(`balance of acc1: ${await getCurrentBalance('acc1')} minor units`);
} finally {
  await storage.close();
  remove();
}

/** Current state is derived by replaying events. */
async function getCurrentBalance(accountId: string): Promise<bigint> {
  const events = await eventStore.getEvents(`account-${accountId}`);
  return events.reduce((balance, event) => {
    if (event.type === 'MONEY_DEPOSITED') return balance + BigInt(String(event.data.amount));
    if (event.type === 'MONEY_WITHDRAWN') return balance - BigInt(String(event.data.amount));
    return balance;
  }, 0n);
}

/** Puts money on an account, unless something happens to it in the meantime. */
async function deposit(accountId: string, amount: bigint): Promise<void> {
  // The version first: an event that comes after it, while the balance is added up, has the append refused.
  const version = await versionOf(accountId);
  await eventStore.append(`account-${accountId}`, version, await depositOf(accountId, amount));
}

/** Amounts are text: they are whole numbers of minor units, and those of JSON are exact only up to 2^53. */
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

/** Two writers decide on the same state. The second is told, decides again on what is there now, and nothing is lost. */
async function tellTwoWriters(): Promise<void> {
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

function databaseOfItsOwn() {
  const url = process.env.DATABASE_URL;
  if (url) return { url, remove: () => undefined };
  const dataDir = process.env.DATA_DIR || 'data';
  mkdirSync(dataDir, { recursive: true });
  const folder = mkdtempSync(join(dataDir, 'event-store-'));
  return { url: `sqlite:${join(folder, 'events.db')}`, remove: () => rmSync(folder, { recursive: true }) };
}
