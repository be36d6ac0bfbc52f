import { createHash } from 'node:crypto';
import type { Transaction } from '../../../storage/storage.ts';
import { rebuildLacksEvents, rebuildLost, rebuildRunning } from '../../errors.ts';
import { selectAll } from '../../streams/event-table.ts';
import { applyTo, isApplyError, type TakingOptions, takeEvents } from '../apply-batch.ts';
import {
  advanceBuilding,
  changeState,
  deleteGeneration,
  insertNext,
  keepLockstep,
  leaseMs,
  lockLive,
  selectLive,
  stateOf,
} from '../generation-table.ts';
import { countLacking } from '../parked/parked-table.ts';
import type { RebuildProgress, RowDifference } from '../projection.ts';
import { clearGeneration, differenceOf, type KeyCursor, readPairs } from './generation-rows.ts';

/** What a rebuild works with. */
export interface RebuildOptions extends Omit<TakingOptions, 'retryDelaysMs' | 'isLive'> {
  /** Aborts when the process ends: then what is not needed is left to be deleted at the next start. */
  readonly stopping: AbortSignal;
  readonly dryRun: boolean;
}

const batchSize = 500;
const mostDifferences = 20;

/**
 * Makes a new generation of a projection and lets it answer. It first takes the events by itself, up to where the live one
 * is; from then on both take each new event in one transaction, so that in any transaction they are of the same events and
 * can be compared page by page while writes go on; then they change places. Whatever ends it before that has the new
 * generation thrown away.
 */
export async function* rebuild(options: RebuildOptions): AsyncGenerator<RebuildProgress> {
  const { projection, storage, clock } = options;
  const nowMs = clock.now();
  const generation = await storage.transaction((tx) => insertNext(tx, projection.name, projection.version, nowMs));
  if (generation === undefined) throw rebuildRunning({ name: projection.name });
  let dropped: bigint | undefined = generation;
  try {
    const replayed = yield* replay(options, generation);
    const compared = yield* compare(options, generation, replayed);
    options.signal.throwIfAborted();
    const eventsLacking = await countLacking(storage, projection.name, generation);
    if (!options.dryRun) {
      if (eventsLacking > 0) throw rebuildLacksEvents({ name: projection.name, events: eventsLacking });
      dropped = await switchOver(options, generation);
    }
    yield { ...compared, stage: options.dryRun ? 'discarded' : 'switched', eventsLacking };
  } finally {
    await discard(options, dropped);
  }
}

type Counts = Pick<RebuildProgress, 'eventsDone' | 'eventsTotal'>;

async function* replay(options: RebuildOptions, generation: bigint): AsyncGenerator<RebuildProgress, Counts> {
  const { projection, storage, clock, signal } = options;
  const { name } = projection;
  const [row] = await storage.query<{ count: bigint }>('SELECT COUNT(*) AS count FROM event');
  const eventsTotal = Number(row?.count ?? 0n);
  let eventsDone = 0;
  let position = 0n;
  const move = async (tx: Transaction, from: bigint, to: bigint): Promise<readonly bigint[]> => {
    if (await advanceBuilding(tx, name, generation, [from, to], clock.now() + leaseMs)) return [generation];
    throw rebuildLost({ name });
  };
  // Nobody waits for this one: what fails is put aside at once.
  const taking = { ...options, retryDelaysMs: [], isLive: false };
  for (;;) {
    signal.throwIfAborted();
    const { position: livePosition } = await selectLive(storage, name);
    const events = await selectAll(storage, position, livePosition, batchSize);
    if (events.length < batchSize && (await joinLive(options, generation, position))) {
      eventsDone += events.length;
      return { eventsDone, eventsTotal: Math.max(eventsTotal, eventsDone) };
    }
    if (events.length > 0) await takeEvents(taking, move, position, events);
    position = events.at(-1)?.position ?? position;
    eventsDone += events.length;
    yield { ...nothingCompared, stage: 'replaying', eventsDone, eventsTotal: Math.max(eventsTotal, eventsDone) };
  }
}

/**
 * Gives a generation what it lacks to be where the live one is, which is held meanwhile, and lets it take each further event
 * together with it. False when that is too much for one transaction, or an event among it cannot be taken.
 */
async function joinLive(options: RebuildOptions, generation: bigint, position: bigint): Promise<boolean> {
  const { projection, storage } = options;
  const { name } = projection;
  try {
    return await storage.transaction(async (tx) => {
      const live = await lockLive(tx, name);
      const events = await selectAll(tx, position, live, batchSize + 1);
      if (events.length > batchSize) return false;
      if (events.length > 0) await applyTo(tx, options, generation, events);
      const joined =
        (await advanceBuilding(tx, name, generation, [position, live], options.clock.now() + leaseMs)) &&
        (await changeState(tx, name, generation, 'building', 'lockstep'));
      if (!joined) throw rebuildLost({ name });
      return true;
    });
  } catch (error) {
    if (!isApplyError(error)) throw error;
    // One of them cannot be taken: it is found and put aside outside of this transaction.
    return false;
  }
}

async function* compare(
  options: RebuildOptions,
  generation: bigint,
  counts: Counts,
): AsyncGenerator<RebuildProgress, RebuildProgress> {
  const { projection, storage, clock, signal } = options;
  const hashes = { live: createHash('sha256'), rebuilt: createHash('sha256') };
  const differences: RowDifference[] = [];
  let [rowsCompared, rowsDifferent] = [0, 0];
  for (const table of projection.tables) {
    let cursor: KeyCursor;
    do {
      signal.throwIfAborted();
      const { pairs, next } = await storage.transaction(async (tx) => {
        if (!(await keepLockstep(tx, projection.name, generation, clock.now() + leaseMs)))
          throw rebuildLost({ name: projection.name });
        const { generation: live } = await selectLive(tx, projection.name);
        return await readPairs(tx, table, { live, rebuilt: generation }, cursor);
      });
      cursor = next;
      for (const pair of pairs) {
        if (pair.live !== undefined) hashes.live.update(`${pair.key} ${pair.live}\n`);
        if (pair.rebuilt !== undefined) hashes.rebuilt.update(`${pair.key} ${pair.rebuilt}\n`);
        const difference = differenceOf(pair);
        if (difference !== undefined && rowsDifferent++ < mostDifferences) differences.push(difference);
      }
      rowsCompared += pairs.length;
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

/** Lets the new generation answer, from one query to the next; resolves with the one that answered before. */
async function switchOver({ projection, storage }: RebuildOptions, generation: bigint): Promise<bigint> {
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

/** Deletes a generation that does not answer; what is left of it when that fails is deleted at the next start. */
export async function discard(
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
    // It may answer by now: the end of the transaction that changed over may never have been heard of.
    if (state !== 'dropped') return;
    await clearGeneration(storage, projection, generation, stopping);
    await deleteGeneration(storage, name, generation);
  } catch (error) {
    const text = 'a generation that is not needed could not be deleted: it is tried again at the next start';
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
