import type { Metrics } from '../../metrics/metrics.ts';
import { readSeldom } from '../../metrics/read-seldom.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';

import { countActive, countDrivers, longestWaitMs, type SagaCount, unfinishedStates } from '../store/counts.ts';
import type { SagaKind } from '../store/leases.ts';
import { createRateMeter } from './rate-meter.ts';

/** How much work there is, and how much there may be. */
export interface SagaBacklog {
  /** Sagas that have neither ended nor need attention, including those whose definition is not known here. */
  readonly unfinished: number;
  /** How many can be finished in the time that a backlog may take (`maxBacklogMs`). */
  readonly limit: number;
  /** How long until there is room again; 0 while there is. */
  readonly retryAfterMs: number;
  /** The longest time that a saga whose definition is known here has waited for a slot. */
  readonly oldestWaitMs: number;
}

/** Measures how many sagas are unfinished, and how fast they end. */
export interface BacklogMeter {
  noteBegun(): void;
  noteFinished(): void;
  noteUnanswered(): void;
  /** See `RateMeter`. */
  noteIdle(): void;
  /** Returns the backlog. Reads the database at most once a second. */
  read(): Promise<SagaBacklog>;
}

const refreshMs = 1_000;
const shortestRetryMs = 1_000;
const longestRetryMs = 60_000;

/** What other processes begin and end in the same database is seen at the next count. */
export function createBacklogMeter(options: {
  readonly storage: Storage;
  /** What can be driven here: sagas of other kinds wait for a process that knows them, not for a slot. */
  readonly definitions: readonly SagaKind[];
  readonly clock: Clock;
  readonly maxBacklogMs: number;
  /** See `RateMeter`. */
  readonly isIdle: () => boolean;
}): BacklogMeter {
  const { storage, definitions, clock, maxBacklogMs } = options;
  const rate = createRateMeter(clock, options.isIdle);
  let counted = { active: 0, drivers: 1, oldestWaitMs: 0 };
  let countedMs = Number.NEGATIVE_INFINITY;
  let counting: Promise<void> | undefined;
  // Begun minus finished here since the count began.
  let changed = 0;

  async function countAll(): Promise<void> {
    const before = changed;
    try {
      const active = await countActive(storage);
      const drivers = storage.exclusive ? 1 : await countDrivers(storage, clock.now());
      counted = { active, drivers, oldestWaitMs: await longestWaitMs(storage, definitions, clock.now()) };
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
      // Only the first caller waits: later ones use the last count until there is a new one.
      if (countedMs === Number.NEGATIVE_INFINITY) await counting;
      else counting?.catch(() => undefined);
      const { active, drivers, oldestWaitMs } = counted;
      const unfinished = Math.max(0, active + changed);
      const perSecond = rate.perSecond() * Math.max(1, drivers);
      const limit = Math.floor((perSecond * maxBacklogMs) / 1_000);
      const excessMs = ((unfinished - limit) / perSecond) * 1_000;
      const retryAfterMs = unfinished < limit ? 0 : Math.min(Math.max(excessMs, shortestRetryMs), longestRetryMs);
      return { unfinished, limit, retryAfterMs: Math.round(retryAfterMs), oldestWaitMs };
    },
  };
}

export interface SagaMetricsOptions {
  readonly service: string;
  /** The names of the sagas that may begin here. */
  readonly names: readonly string[];
  readonly readBacklog: () => Promise<SagaBacklog>;
  readonly countUnfinished: () => Promise<readonly SagaCount[]>;
  readonly clock: Clock;
}

/** Registers how many sagas are unfinished, in which states, how many may be, and how long they have waited. */
export function registerSagaMetrics(metrics: Metrics, options: SagaMetricsOptions): void {
  const { service, readBacklog } = options;
  const labels = { service };
  measureStates(metrics, options);
  const unfinished = metrics.gauge(
    'ordermesh_sagas_unfinished',
    'Sagas that have begun and neither ended nor wait for an operator.',
    ['service'],
  );
  const limit = metrics.gauge(
    'ordermesh_sagas_unfinished_limit',
    'How many sagas may be unfinished before new ones are refused.',
    ['service'],
  );
  const oldest = metrics.gauge(
    'ordermesh_sagas_oldest_wait_seconds',
    'How long the saga that is due longest has waited for a slot.',
    ['service'],
  );
  unfinished.collect(async () => [{ labels, value: (await readBacklog()).unfinished }]);
  limit.collect(async () => [{ labels, value: (await readBacklog()).limit }]);
  oldest.collect(async () => [{ labels, value: (await readBacklog()).oldestWaitMs / 1_000 }]);
}

/** Every known saga has a value for each state from the start. */
function measureStates(
  metrics: Metrics,
  { service, names, countUnfinished, clock }: Omit<SagaMetricsOptions, 'readBacklog'>,
): void {
  const read = readSeldom(async () => {
    const found = await countUnfinished();
    const all = new Set([...names, ...found.map(({ name }) => name)]);
    return [...all].flatMap((saga) =>
      unfinishedStates.map((state) => {
        const { count = 0, oldestTimeMs } = found.find((one) => one.name === saga && one.state === state) ?? {};
        return { labels: { service, saga, state }, count, oldestTimeMs };
      }),
    );
  }, clock);
  const labels = ['service', 'saga', 'state'] as const;
  metrics
    .gauge('ordermesh_sagas', 'Sagas that have not ended, by state.', labels)
    .collect(async () => (await read()).map(({ count, ...one }) => ({ labels: one.labels, value: count })));
  metrics
    .gauge('ordermesh_sagas_oldest_seconds', 'Age of the oldest saga in a state; 0 if there is none.', labels)
    .collect(async () =>
      (await read()).map(({ oldestTimeMs, ...one }) => ({
        labels: one.labels,
        value: oldestTimeMs === undefined ? 0 : Math.max(0, clock.now() - oldestTimeMs) / 1_000,
      })),
    );
}
