import { createHash } from 'node:crypto';
import type { Transaction } from '../../../storage/storage.ts';
import { createPortions } from '../../../time/portions.ts';
import { yieldToCalls } from '../../../time/yield-to-event-loop.ts';
import { rebuildLacksEvents, rebuildLost, rebuildRunning } from '../../errors.ts';
import { lastPosition, selectAll } from '../../streams/event-table.ts';
import { type ApplyOptions, applyBatch, applyTo, isApplyError } from '../apply-batch.ts';
import {
  advanceBuilding,
  changeState,
  deleteGeneration,
  insertNextGeneration,
  leaseMs,
  lockLive,
  renewLockstepLease,
  selectLive,
  stateOf,
} from '../generation-table.ts';
import { countMissing } from '../parked/parked-table.ts';
import type { RebuildProgress, RowDifference } from '../projection.ts';
import { clearGeneration, differenceOf, type KeyCursor, readPairs } from './generation-rows.ts';

export interface RebuildOptions extends Omit<ApplyOptions, 'retryDelaysMs' | 'isLive'> {
  /** Aborts when the process stops: then the dropped generation is deleted at the next start. */
  readonly stopping: AbortSignal;
  readonly dryRun: boolean;
}

const maxBatchSize = 500;
const maxDifferences = 20;
// A batch on SQLite blocks this process, and the more the larger the tables are.
const batchTargetMs = { sqlite: 6, postgres: Number.POSITIVE_INFINITY };

/**
 * Builds a new generation of a projection and switches to it. The new generation first applies all events up to the live
 * position alone. From then on both apply new events in one transaction (lockstep), so every transaction sees both at the
 * same position, and they can be compared page by page during writes. Then they switch. If the rebuild ends early, the new
 * generation is dropped.
 */
export async function* rebuild(options: RebuildOptions): AsyncGenerator<RebuildProgress> {
  const { projection, storage } = options;
  const generation = await storage.transaction((tx) => insertNextGeneration(tx, projection.name, projection.version));
  if (generation === undefined) throw rebuildRunning({ name: projection.name });
  let dropped: bigint | undefined = generation;
  try {
    const replayed = yield* replay(options, generation);
    const compared = yield* compare(options, generation, replayed);
    options.signal.throwIfAborted();
    const eventsLacking = await countMissing(storage, projection.name, generation);
    if (!options.dryRun) {
      if (eventsLacking > 0) throw rebuildLacksEvents({ name: projection.name, events: eventsLacking });
      dropped = await switchToRebuilt(options, generation);
    }
    yield { ...compared, stage: options.dryRun ? 'discarded' : 'switched', eventsLacking };
  } finally {
    await dropGeneration(options, dropped);
  }
}

type Counts = Pick<RebuildProgress, 'eventsDone' | 'eventsTotal'>;

async function* replay(options: RebuildOptions, generation: bigint): AsyncGenerator<RebuildProgress, Counts> {
  const { projection, storage, clock, signal } = options;
  const { name } = projection;
  // Counting the events of a long history would block everything. Positions have few gaps.
  const eventsTotal = Number(await lastPosition(storage));
  let eventsDone = 0;
  let position = 0n;
  const advance = async (tx: Transaction, from: bigint, to: bigint): Promise<readonly bigint[]> => {
    if (await advanceBuilding(tx, name, generation, [from, to])) return [generation];
    throw rebuildLost({ name });
  };
  // Nothing reads this generation yet, so failing events are parked without retries.
  const applying = { ...options, retryDelaysMs: [], isLive: false };
  const batches = createPortions({ min: 50, max: maxBatchSize, targetMs: batchTargetMs[storage.dialect] });
  for (;;) {
    signal.throwIfAborted();
    const startMs = clock.elapsedMs();
    const { size } = batches;
    const { position: livePosition } = await selectLive(storage, name);
    const events = await selectAll(storage, position, livePosition, size);
    if (events.length < size && (await joinLive(options, generation, position))) {
      eventsDone += events.length;
      return { eventsDone, eventsTotal: eventsDone };
    }
    if (events.length > 0) await applyBatch(applying, advance, position, events);
    batches.took(clock.elapsedMs() - startMs);
    position = events.at(-1)?.position ?? position;
    eventsDone += events.length;
    await yieldToCalls();
    yield { ...nothingCompared, stage: 'replaying', eventsDone, eventsTotal: Math.max(eventsTotal, eventsDone) };
  }
}

/**
 * Applies the last events up to the live position, which is locked meanwhile, and puts the generation in lockstep with the
 * live one. Returns false if that is too much for one transaction, or if one of the events fails.
 */
async function joinLive(options: RebuildOptions, generation: bigint, position: bigint): Promise<boolean> {
  const { projection, storage } = options;
  const { name } = projection;
  try {
    return await storage.transaction(async (tx) => {
      const live = await lockLive(tx, name);
      const events = await selectAll(tx, position, live, maxBatchSize + 1);
      if (events.length > maxBatchSize) return false;
      if (events.length > 0) await applyTo(tx, options, generation, events);
      const joined =
        (await advanceBuilding(tx, name, generation, [position, live])) &&
        (await changeState(tx, name, generation, 'building', 'lockstep'));
      if (!joined) throw rebuildLost({ name });
      return true;
    });
  } catch (error) {
    if (!isApplyError(error)) throw error;
    // The failing event is found and parked outside this transaction.
    return false;
  }
}

async function* compare(
  options: RebuildOptions,
  generation: bigint,
  counts: Counts,
): AsyncGenerator<RebuildProgress, RebuildProgress> {
  const { projection, storage, signal } = options;
  const hashes = { live: createHash('sha256'), rebuilt: createHash('sha256') };
  const differences: RowDifference[] = [];
  let [rowsCompared, rowsDifferent] = [0, 0];
  const stayInLockstep = createLockstep(options, generation);
  for (const table of projection.tables) {
    let cursor: KeyCursor;
    do {
      signal.throwIfAborted();
      const { pairs, next } = await storage.transaction(async (tx) => {
        if (!(await stayInLockstep(tx))) throw rebuildLost({ name: projection.name });
        const { generation: live } = await selectLive(tx, projection.name);
        return await readPairs(tx, table, { live, rebuilt: generation }, cursor);
      });
      cursor = next;
      for (const pair of pairs) {
        if (pair.live !== undefined) hashes.live.update(`${pair.key} ${pair.live}\n`);
        if (pair.rebuilt !== undefined) hashes.rebuilt.update(`${pair.key} ${pair.rebuilt}\n`);
        const difference = differenceOf(pair);
        if (difference !== undefined && rowsDifferent++ < maxDifferences) differences.push(difference);
      }
      rowsCompared += pairs.length;
      await yieldToCalls();
      yield { ...nothingCompared, ...counts, stage: 'comparing', rowsCompared, rowsDifferent };
    } while (cursor !== undefined);
  }
  const [liveHash, rebuiltHash] = [hashes.live.digest('hex'), hashes.rebuilt.digest('hex')];
  return {
    ...nothingCompared,
    ...counts,
    stage: 'comparing',
    rowsCompared,
    rowsDifferent,
    differences,
    liveHash,
    rebuiltHash,
  };
}

/**
 * Returns a function that keeps both generations at one position until the transaction ends, and the lease. Resolves with
 * false if the lease was lost.
 */
function createLockstep({ projection, clock }: RebuildOptions, generation: bigint) {
  const { name } = projection;
  let renewFromMs = 0;
  return async (tx: Transaction): Promise<boolean> => {
    // A transaction on SQLite is alone, and without a write its commit does not wait for the disk.
    if (tx.dialect === 'sqlite' && clock.elapsedMs() < renewFromMs)
      return (await stateOf(tx, name, generation)) === 'lockstep';
    renewFromMs = clock.elapsedMs() + leaseMs / 3;
    return await renewLockstepLease(tx, name, generation);
  };
}

/** Makes the new generation live. Returns the one that was live before. */
async function switchToRebuilt({ projection, storage }: RebuildOptions, generation: bigint): Promise<bigint> {
  const { name } = projection;
  return await storage.transaction(async (tx) => {
    await lockLive(tx, name);
    const { generation: before } = await selectLive(tx, name);
    const switched =
      (await changeState(tx, name, before, 'live', 'dropped')) &&
      (await changeState(tx, name, generation, 'lockstep', 'live'));
    if (!switched) throw rebuildLost({ name });
    return before;
  });
}

/** Drops a generation that is not live, and deletes its rows. What remains after a failure is deleted at the next start. */
export async function dropGeneration(
  { projection, storage, logger, stopping }: Pick<RebuildOptions, 'projection' | 'storage' | 'logger' | 'stopping'>,
  generation: bigint,
): Promise<void> {
  const { name } = projection;
  try {
    const state = await storage.transaction(async (tx) => {
      await changeState(tx, name, generation, 'building', 'dropped');
      await changeState(tx, name, generation, 'lockstep', 'dropped');
      return await stateOf(tx, name, generation);
    });
    // It may be live: the outcome of the transaction that switched may be unknown.
    if (state !== 'dropped') return;
    await clearGeneration(storage, projection, generation, stopping);
    await deleteGeneration(storage, name, generation);
  } catch (error) {
    const text = 'could not delete a dropped generation; retrying at the next start';
    logger.warn({ err: error, projection: name, generation }, text);
  }
}

const nothingCompared = {
  eventsLacking: 0,
  rowsCompared: 0,
  rowsDifferent: 0,
  differences: [],
  liveHash: '',
  rebuiltHash: '',
};
