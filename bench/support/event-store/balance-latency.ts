import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { accountDefinition } from '../../../services/payment/streams/account-stream.ts';
import { medianOfRounds, timeMs } from '../rates.ts';
import { type LoadedServer, waitedMsOf } from '../server.ts';
import { type BareDatabase, openBare } from './bare-database.ts';
import { longAccount } from './fill-ledger.ts';

const warmUpReads = 200;
const rounds = 5;
const readsPerRound = 150;
const maxVersion = 2n ** 63n - 1n;
const eventsBetweenSnapshots = accountDefinition.snapshots.every;

/** In milliseconds, medians over several rounds, because on a busy machine some rounds wait for a processor. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  /** 99th percentile without the time in which the two processes waited for a processor. */
  readonly unhindered: number;
}

export interface BalanceLatency {
  /** The current balance. */
  readonly now: Latency;
  /** Past balances, at versions across the history that are as far from a snapshot as possible. */
  readonly past: Latency;
}

/** Measures GetBalance of an account with a long history, one call after another. */
export async function measureBalance(service: LoadedServer): Promise<BalanceLatency> {
  const accounts = service.client(AccountServiceContract);
  const accountId = longAccount.id;
  const waitedMs = () => service.waitedMs() + waitedMsOf(process.pid);
  const now = await latencyOf(async () => {
    const { version } = await accounts.getBalance({ accountId });
    if (version !== BigInt(longAccount.events)) throw new Error(`the account is at version ${version}`);
  }, waitedMs);
  const past = await latencyOf(
    (index) => accounts.getBalance({ accountId, asOfVersion: pastVersion(index) }),
    waitedMs,
  );
  return { now, past };
}

/** Measures the same statements and only the code needed to sum their rows. */
export async function measureBareBalance(url: string): Promise<BalanceLatency> {
  const bare = openBare(url);
  try {
    const now = await latencyOf(() => readBare(bare, maxVersion));
    // GetBalance also reads the current state, to check that the version exists.
    const past = await latencyOf(async (index) => {
      await readBare(bare, maxVersion);
      await readBare(bare, pastVersion(index));
    });
    return { now, past };
  } finally {
    await bare.close();
  }
}

function pastVersion(index: number): bigint {
  const snapshotsBefore = (index * 37) % Math.floor(longAccount.events / eventsBetweenSnapshots);
  return BigInt((snapshotsBefore + 1) * eventsBetweenSnapshots - 1);
}

/** Reads the last snapshot and the events after it. */
async function readBare(bare: BareDatabase, upTo: bigint): Promise<bigint> {
  const stream = `${accountDefinition.category}-${longAccount.id}`;
  const [snapshot] = await bare.query<{ version: bigint | string; state: string }>(
    `SELECT version, schema_version, state FROM event_snapshot WHERE stream = $1 AND version <= $2
     ORDER BY version DESC LIMIT 1`,
    [stream, upTo],
  );
  const events = await bare.query<{ data: string }>(
    `SELECT position, stream, version, type, schema_version, data, correlation_id, time_ms, checksum FROM event
     WHERE stream = $1 AND version > $2 AND version <= $3 ORDER BY version LIMIT $4`,
    [stream, BigInt(snapshot?.version ?? 0), upTo, 500n],
  );
  const before = snapshot === undefined ? 0n : BigInt(JSON.parse(snapshot.state).balance.minorUnits);
  return events.reduce((sum, { data }) => sum + BigInt(JSON.parse(data).amount?.minorUnits ?? 0), before);
}

async function latencyOf(
  read: (index: number) => Promise<unknown>,
  waitedMs: () => number = () => waitedMsOf(process.pid),
): Promise<Latency> {
  const tookMs: number[] = [];
  const unhinderedMs: number[] = [];
  for (let index = 0; index < warmUpReads + rounds * readsPerRound; index += 1) {
    const waitedBeforeMs = waitedMs();
    const readMs = await timeMs(() => read(index));
    tookMs.push(readMs);
    unhinderedMs.push(Math.max(0, readMs - (waitedMs() - waitedBeforeMs)));
  }
  const ofAll = (values: readonly number[], share: number) => medianOfRounds(values.slice(warmUpReads), rounds, share);
  return { p50: ofAll(tookMs, 0.5), p99: ofAll(tookMs, 0.99), unhindered: ofAll(unhinderedMs, 0.99) };
}
