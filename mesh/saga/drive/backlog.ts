import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import type { SagaBacklog } from '../saga.ts';
import { countDrivers, countGoing, type DefinitionName, longestWaitMs } from '../store/saga-table.ts';
import { createRateMeter } from './rate-meter.ts';

/** Keeps the count of unfinished sagas, and how fast they end. */
export interface BacklogMeter {
  noteBegun(): void;
  noteFinished(): void;
  noteUnanswered(): void;
  /** See `RateMeter`. */
  noteIdle(): void;
  /** The backlog as it is; the database is asked once a second at most. */
  read(): Promise<SagaBacklog>;
}

const refreshMs = 1_000;
const shortestRetryMs = 1_000;
const longestRetryMs = 60_000;

/** Makes the meter of an engine. What other processes begin and end in the same database is seen at the next count. */
export function createBacklogMeter(options: {
  readonly storage: Storage;
  /** What can be driven here: others wait for a process that knows them, not for a slot. */
  readonly definitions: readonly DefinitionName[];
  readonly clock: Clock;
  readonly maxBacklogMs: number;
  /** See `RateMeter`. */
  readonly isIdle: () => boolean;
}): BacklogMeter {
  const { storage, definitions, clock, maxBacklogMs } = options;
  const rate = createRateMeter(clock, options.isIdle);
  let counted = { going: 0, drivers: 1, oldestWaitMs: 0 };
  let countedMs = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;
  // Begun less finished here since the count began.
  let changed = 0;

  async function countAll(): Promise<void> {
    const before = changed;
    try {
      const going = await countGoing(storage);
      const drivers = storage.exclusive ? 1 : await countDrivers(storage, clock.now());
      counted = { going, drivers, oldestWaitMs: await longestWaitMs(storage, definitions, clock.now()) };
      changed -= before;
      countedMs = clock.elapsedMs();
    } finally {
      counting = undefined;
    }
  }

  return {
    noteBegun() {
      changed += 1;
    },
    noteFinished() {
      changed -= 1;
      rate.noteFinished();
    },
    noteUnanswered: rate.noteUnanswered,
    noteIdle: rate.noteIdle,
    async read() {
      if (clock.elapsedMs() - countedMs >= refreshMs) counting ??= countAll();
      // Only the first one waits: those after it go by the last count until there is a new one.
      if (countedMs === Number.NEGATIVE_INFINITY) await counting;
      else counting?.catch(() => undefined);
      const { going, drivers, oldestWaitMs } = counted;
      const unfinished = Math.max(0, going + changed);
      const perSecond = rate.perSecond() * Math.max(1, drivers);
      const limit = Math.floor((perSecond * maxBacklogMs) / 1_000);
      const excessMs = ((unfinished - limit) / perSecond) * 1_000;
      const retryAfterMs = unfinished < limit ? 0 : Math.min(Math.max(excessMs, shortestRetryMs), longestRetryMs);
      return { unfinished, limit, retryAfterMs: Math.round(retryAfterMs), oldestWaitMs };
    },
  };
}
