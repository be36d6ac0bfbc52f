import type { Transaction } from '../../storage/storage.ts';
import { backoff } from '../../time/backoff.ts';
import { sleep } from '../../time/sleep.ts';
import type { EventStore } from '../event-store.ts';
import { type TakingOptions, takeEvents } from './apply-batch.ts';
import { advanceLive, NewerProgram, selectLive } from './generation-table.ts';

/** What a projection is run with; `signal` ends it. */
export interface RunningOptions extends Omit<TakingOptions, 'retryDelaysMs' | 'isLive'> {
  readonly store: EventStore;
}

const batchSize = 500;
const failureDelayMs = backoff({ firstMs: 100, maxMs: 5_000 });
// Before the second and the third try of an event that fails by itself.
const retryDelaysMs = [100, 500];
// How long to wait for more once all there was is taken: a few commits are cheaper than many. Well below what a reader
// notices.
const gatherMs = 20;
// Another process moves the projection: how long to leave it to that.
const standbyMs = 1_000;

/** Keeps the live generation of a projection up with the events until `signal` aborts, whatever fails on the way. */
export async function runProjection(options: RunningOptions): Promise<void> {
  const { projection, clock, logger, signal } = options;
  const about = { projection: projection.name };
  let failures = 0;
  while (!signal.aborted) {
    try {
      await follow(options, () => {
        if (failures > 0) logger.info({ ...about, failures }, 'the projection goes on');
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      if (failures === 1) logger.error({ err: error, ...about }, 'the projection cannot go on: it tries again');
      await sleep(clock, failureDelayMs(failures), signal);
    }
  }
}

/** Goes on from where the projection is, until another process has moved it. */
async function follow(options: RunningOptions, moved: () => void): Promise<void> {
  const { projection, storage, store, clock, signal } = options;
  const { name, version } = projection;
  const move = (tx: Transaction, from: bigint, to: bigint) => advanceLive(tx, name, version, from, to);
  let { position } = await selectLive(storage, name);
  for await (const events of store.subscribe(position, batchSize, signal)) {
    if (
      !(await takeUnlessNewer(() => takeEvents({ ...options, retryDelaysMs, isLive: true }, move, position, events)))
    ) {
      await sleep(clock, standbyMs, signal);
      return;
    }
    position = events.at(-1)?.position ?? position;
    moved();
    if (events.length < batchSize) await sleep(clock, gatherMs, signal);
  }
}

async function takeUnlessNewer(take: () => Promise<boolean>): Promise<boolean> {
  try {
    return await take();
  } catch (error) {
    if (error instanceof NewerProgram) return false;
    throw error;
  }
}
