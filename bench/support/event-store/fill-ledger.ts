import type { Row, Transaction } from '../../../mesh/storage/storage.ts';
import { systemClock as clock } from '../../../mesh/time/clock.ts';
import { type Account, type AccountChange, moveMoney, openAccount } from '../../../services/payment/domain/account.ts';
import { accountDefinition } from '../../../services/payment/streams/account-stream.ts';
import { runConcurrently } from '../concurrency.ts';
import { type Ledger, openLedger } from './ledger.ts';

/** An account with a long history, one event before its next snapshot, so the maximum number of events is read. */
export const longAccount = { id: 'long', events: 100_099 } as const;
const shortAccounts = { count: 1_000, events: 100 } as const;
/** Total number of events. */
export const ledgerEvents = longAccount.events + shortAccounts.count * shortAccounts.events;

// The distance between snapshots, so each append ends with the snapshot that single appends would create.
const eventsPerAppend = accountDefinition.snapshots.every;
const appendsPerCommit = 10;
const concurrentAccounts = 8;
const rowsPerCopy = 500;

/** Fills a new ledger with accounts and their events. */
export async function fillLedger(url: string): Promise<void> {
  await using ledger = await openLedger(url);
  await Promise.all([
    growAccount(ledger, longAccount.id, longAccount.events),
    runConcurrently(shortAccounts.count, concurrentAccounts, (index) =>
      growAccount(ledger, `short-${index}`, shortAccounts.events),
    ),
  ]);
}

/** Copies the events and snapshots of a ledger into a new one. Appending them all would take long on a server. */
export async function copyLedger(fromUrl: string, toUrl: string): Promise<void> {
  await using from = await openLedger(fromUrl);
  await using to = await openLedger(toUrl);
  const eventsAfter = 'SELECT * FROM event WHERE position > $1 ORDER BY position LIMIT $2';
  const pageAfter = (position: bigint) =>
    from.storage.query<Row & { position: bigint }>(eventsAfter, [position, rowsPerCopy]);
  for (let page = await pageAfter(0n); page.length > 0; page = await pageAfter(page.at(-1)?.position ?? 0n)) {
    await insertRows(to, 'event', page);
  }
  const snapshots = await from.storage.query('SELECT * FROM event_snapshot');
  for (let at = 0; at < snapshots.length; at += rowsPerCopy) {
    await insertRows(to, 'event_snapshot', snapshots.slice(at, at + rowsPerCopy));
  }
}

async function growAccount({ storage, accounts }: Ledger, id: string, events: number): Promise<void> {
  let version = 0n;
  const grow = async (tx: Transaction) => {
    for (let count = 0; count < appendsPerCommit && version < events; count += 1) {
      const size = Math.min(eventsPerAppend, events - Number(version));
      const cause = { correlationId: `${id}-${version}`, timeMs: clock.now() };
      ({ version } = await accounts.changeIn(tx, id, (account) => nextChanges(id, account, size), cause));
    }
  };
  while (version < events) await storage.transaction(grow);
}

/** Opens the account if needed, then deposits repeatedly. */
function nextChanges(id: string, account: Account | undefined, count: number): AccountChange[] {
  const amount = { currencyCode: 'EUR', minorUnits: 100n };
  const changes: AccountChange[] = account ? [] : [openAccount(account, id, 'EUR')];
  let balance = account?.balance ?? { ...amount, minorUnits: 0n };
  const at = { id, version: 1n, createTimeMs: 0, updateTimeMs: 0 };
  while (changes.length < count) {
    const wanted = { accountId: id, type: 'MONEY_DEPOSITED', amount, reference: '', purpose: 'transfer' } as const;
    const change = moveMoney({ ...at, balance }, wanted);
    changes.push(change);
    balance = change.newBalance;
  }
  return changes;
}

async function insertRows({ storage }: Ledger, table: string, rows: readonly Row[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {}).filter((column) => column !== 'position');
  const tuple = (index: number) => `(${columns.map((_, at) => `$${index * columns.length + at + 1}`).join(', ')})`;
  await storage.execute(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows.map((_, index) => tuple(index)).join(', ')}`,
    rows.flatMap((row) => columns.map((column) => row[column] ?? null)),
  );
}
