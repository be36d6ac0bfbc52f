import { tempFolder } from '../mesh/testing/temp-folder.ts';
import { atMost, atMostOfPeer, type Benchmark, compared } from './figure.ts';
import { countFindings } from './support/audit.ts';
import { createDatabases, fillHistory, projected } from './support/history.ts';
import { measureOrders, openOrderingMesh, warmUp } from './support/orders/order-rate.ts';
import { startServer } from './support/server.ts';

const history = { users: 1_000_000, orders: 100_000, accounts: 100_000 };
const defaultMinutes = 60;
const ordersPerRound = 500;
/** The share of the rate and of the memory at the beginning that the end has to keep. */
const minRatio = 0.9;
const maxGrowth = 1.5;

interface Round {
  readonly perSecond: number;
  readonly cpuMs: number;
  readonly residentMb: number;
}

/**
 * Orders without a pause for an hour, or for `BENCH_MINUTES`, in a mesh with 1,000,000 users and 100,000 finished orders: the last
 * tenth next to the first tenth.
 */
export const benchSustained: Benchmark = async () => {
  const minutes = Number(process.env.BENCH_MINUTES || defaultMinutes);
  if (!(minutes > 0)) throw new Error(`BENCH_MINUTES is ${process.env.BENCH_MINUTES}, but has to be a number above 0`);
  await using folder = await tempFolder();
  await createDatabases(folder.path);
  await fillHistory(folder.path, history);
  await using server = await startServer({ dataDir: folder.path, environment: { AUDIT_INTERVAL_MS: '0' } });
  await projected(server);
  const mesh = await openOrderingMesh(server, folder.path);
  await warmUp((count) => measureOrders(mesh, count));
  const rounds: Round[] = [];
  for (const endMs = performance.now() + minutes * 60_000; performance.now() < endMs; ) {
    rounds.push({ ...(await measureOrders(mesh, ordersPerRound)), residentMb: server.residentMb() });
  }
  const tenth = Math.ceil(rounds.length / 10);
  const [first, last] = [averageOf(rounds.slice(0, tenth)), averageOf(rounds.slice(-tenth))];
  const findings = await countFindings(server);
  await server.stop();
  return [
    compared(
      `orders/s of one core after ${minutes} minutes, vs at their beginning`,
      last.perSecond,
      first.perSecond,
      minRatio,
    ),
    atMostOfPeer('  processor time of each', last.cpuMs, first.cpuMs, 1 / minRatio, 'ms'),
    atMostOfPeer('  resident memory', last.residentMb, first.residentMb, maxGrowth, 'MB'),
    atMost(`  findings of an audit after ${mesh.completed.toLocaleString('en')} orders`, findings, 0, ''),
  ];
};

function averageOf(rounds: readonly Round[]): Round {
  const average = (key: keyof Round) => rounds.reduce((sum, round) => sum + round[key], 0) / rounds.length;
  return { perSecond: average('perSecond'), cpuMs: average('cpuMs'), residentMb: average('residentMb') };
}
