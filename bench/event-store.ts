import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { postgres } from '../mesh/testing/servers/postgres-server.ts';
import { tempFolder } from '../mesh/testing/temp-folder.ts';
import {
  atLeastVersusPeer,
  atMost,
  atMostVersusPeer,
  type Benchmark,
  compared,
  type Figure,
  versusPeer,
} from './figure.ts';
import { startDatabase } from './support/database.ts';
import { compareAppends } from './support/event-store/append-rate.ts';
import { type Latency, measureBalance, measureBareBalance } from './support/event-store/balance-latency.ts';
import { copyLedger, fillLedger } from './support/event-store/fill-ledger.ts';
import { compareHotAccount } from './support/event-store/hot-account.ts';
import { measureLag } from './support/event-store/projection-lag.ts';
import { compareRebuild } from './support/event-store/rebuild-rate.ts';
import { warnUnlessOnDisk } from './support/on-disk.ts';
import { type LoadedServer, startServer, untilQuiet } from './support/server.ts';

/** The databases of one storage engine. */
interface Databases {
  readonly engine: string;
  /** Returns the URL of a new database. */
  newUrl(name: string): string;
  readonly ledgerUrl: string;
  /** The same ledger for the peers. */
  readonly bareUrl: string;
}

/** Target rates per second. */
interface Aims {
  readonly appends: number;
  readonly rebuild?: number;
}

/** The event store and the payment service, on both databases, next to bare loops with the same statements. */
export const benchEventStore: Benchmark = async () => {
  await using folder = await tempFolder();
  await warnUnlessOnDisk(folder.path);
  const newUrl = (name: string) => `sqlite:${join(folder.path, `${name}.db`)}`;
  const ledgerUrl = newUrl('ledger');
  await fillLedger(ledgerUrl);
  // A process has exclusive access to its SQLite file, so the peer needs a copy.
  await copyFile(join(folder.path, 'ledger.db'), join(folder.path, 'bare-ledger.db'));
  const onSqlite = { engine: 'SQLite', newUrl, ledgerUrl, bareUrl: newUrl('bare-ledger') };
  return [
    ...(await measure(onSqlite, { appends: 5_000, rebuild: 50_000 })),
    ...(await onPostgres(ledgerUrl, { appends: 2_000 })),
  ];
};

async function onPostgres(filledUrl: string, aims: Aims): Promise<Figure[]> {
  if (postgres.version === undefined) {
    console.error('\n!!! POSTGRESQL IS NOT INSTALLED and was not measured. Run "make deps".\n');
    return [{ name: 'PostgreSQL', value: 'not installed', target: 'measured', met: false }];
  }
  await using stack = new AsyncDisposableStack();
  const server = await startDatabase(stack);
  const ledgerUrl = server.url('ledger');
  await copyLedger(filledUrl, ledgerUrl);
  return await measure({ engine: 'PostgreSQL', newUrl: server.url, ledgerUrl, bareUrl: ledgerUrl }, aims);
}

async function measure({ engine, newUrl, ledgerUrl, bareUrl }: Databases, aims: Aims): Promise<Figure[]> {
  const appends = await compareAppends(newUrl('appends'), newUrl('bare-appends'));
  const charges = await onService(newUrl('charges'), compareHotAccount);
  const rebuild = await compareRebuild(ledgerUrl, bareUrl);
  const balance = await onService(ledgerUrl, async (service) => {
    // Its projections read the copied ledger.
    await untilQuiet(service);
    return await measureBalance(service);
  });
  const bare = await measureBareBalance(bareUrl);
  const lag = await measureLag(newUrl('lag'));
  const rebuildName = '  rebuild of a projection, events/s';
  return [
    atLeastVersusPeer(`appends to event store on ${engine}, events/s`, appends.ours, appends.peers, aims.appends),
    compared('  charges of one account vs 64 accounts', charges.ours, charges.peers, 0.5),
    aims.rebuild === undefined
      ? versusPeer(rebuildName, rebuild.ours, rebuild.peers)
      : atLeastVersusPeer(rebuildName, rebuild.ours, rebuild.peers, aims.rebuild),
    ...balanceFigures('balance after 100,000 events', balance.now, bare.now),
    ...balanceFigures('balance at a version of its past', balance.past, bare.past),
    atMost('  lag of a projection at 500 events/s, median', lag.p50, 100, 'ms'),
    atMost('  and 99th percentile', lag.p99, 100, 'ms'),
  ];
}

function balanceFigures(name: string, ours: Latency, bare: Latency): Figure[] {
  return [
    atMostVersusPeer(`  ${name}, median`, ours.p50, bare.p50, 5, 'ms'),
    atMostVersusPeer('    99th percentile', ours.p99, bare.p99, 5, 'ms'),
    atMostVersusPeer('    without waits for a processor', ours.unhindered, bare.unhindered, 5, 'ms'),
  ];
}

/** Runs the payment service alone, on the servers' core. */
async function onService<T>(url: string, work: (service: LoadedServer) => Promise<T>): Promise<T> {
  await using folder = await tempFolder();
  const options = { args: ['payment'], environment: { DATABASE_URL: url } };
  await using service = await startServer({ dataDir: folder.path, ...options });
  return await work(service);
}
