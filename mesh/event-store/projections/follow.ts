import type { Transaction } from '../../storage/storage.ts';
import { logFailedAttempt } from '../../telemetry/log-failed-attempt.ts';
import { backoff } from '../../time/backoff.ts';
import { createPortions, type Portions } from '../../time/portions.ts';
import { sleep } from '../../time/sleep.ts';
import type { EventStore } from '../event-store.ts';
import { type ApplyOptions, applyBatch } from './apply-batch.ts';
import { advanceLive, NewerDefinition, selectLive } from './generation-table.ts';
import type { Projection } from './projection.ts';

export interface FollowOptions extends Omit<ApplyOptions, 'retryDelaysMs' | 'isLive'> {
  readonly store: EventStore;
}

const maxBatchSize = 500;
// A batch on SQLite blocks this process, and a service may have several projections that catch up at the same time.
const batchTargetMs = { sqlite: 1, postgres: Number.POSITIVE_INFINITY };
const failureDelayMs = backoff({ firstMs: 100, maxMs: 5_000 });
// Before the second and the third attempt of an event that fails alone.
const retryDelaysMs = [100, 500];
// Waits for more events once all are applied: a few commits are cheaper than many, and what changes a row several times
// within it is written once. Readers see an event up to 50 ms later.
const gatherMs = 50;
// Another process advances the projection: wait before trying to take over.
const standbyMs = 1_000;

/** Keeps the live generation of a projection up to date until `signal` aborts. Retries after any failure. */
export async function runProjection(options: FollowOptions): Promise<void> {
  const { projection, clock, logger, signal } = options;
  const about = { projection: projection.name };
  let failures = 0;
  while (!signal.aborted) {
    try {
      await follow(options, () => {
        if (failures > 0) logger.info({ ...about, failures }, 'projection resumed');
        failures = 0;
      });
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      logFailedAttempt({ logger, clock, failures }, { err: error, ...about }, 'projection failed; retrying');
      await sleep(clock, failureDelayMs(failures), signal);
    }
  }
}

/** Continues from the position of the projection until another process has advanced it. */
async function follow(options: FollowOptions, advanced: () => void): Promise<void> {
  const { projection, storage, store, clock, signal } = options;
  const { name, version } = projection;
  const advance = (tx: Transaction, from: bigint, to: bigint) => advanceLive(tx, name, version, from, to);
  const batches = createPortions({ min: 50, max: maxBatchSize, targetMs: batchTargetMs[storage.dialect] });
  const applying = { ...options, projection: timed(options, batches), retryDelaysMs, isLive: true };
  let { position } = await selectLive(storage, name);
  for await (const events of store.subscribe(position, () => batches.size, signal)) {
    const isCatchingUp = events.length >= batches.size;
    if (!(await applyUnlessNewer(() => applyBatch(applying, advance, position, events)))) {
      await sleep(clock, standbyMs, signal);
      return;
    }
    position = events.at(-1)?.position ?? position;
    advanced();
    if (!isCatchingUp) await sleep(clock, gatherMs, signal);
  }
}

/** The projection, which notes how long full batches take. */
function timed({ projection, clock }: Pick<FollowOptions, 'projection' | 'clock'>, batches: Portions): Projection {
  return {
    ...projection,
    async apply(tx, generation, events) {
      const startMs = clock.elapsedMs();
      await projection.apply(tx, generation, events);
      if (events.length >= batches.size) batches.took(clock.elapsedMs() - startMs);
    },
  };
}

async function applyUnlessNewer(apply: () => Promise<boolean>): Promise<boolean> {
  try {
    return await apply();
  } catch (error) {
    if (error instanceof NewerDefinition) return false;
    throw error;
  }
}
