import type { Counter, Metrics } from '../../metrics/metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { EventHandler, SkippedEvent, SkipReason } from './consumer.ts';

/** How many events of a topic a group has skipped since its process started. */
export interface SkippedCount {
  readonly topic: string;
  readonly reason: SkipReason;
  readonly count: number;
}

/** Counts and logs skipped events. */
export interface SkippedEvents {
  note(event: StoredEvent, attributes: EventAttributes, skipped: SkippedEvent): void;
  /** Those that are not 0. */
  counts(): SkippedCount[];
}

const reasons: readonly SkipReason[] = ['unknown-type', 'incomplete'];
/** Foreign producers may send any number of types. */
const maxLogged = 100;

/**
 * Creates the counter `ordermesh_events_skipped_total` of a group, at 0. The first event of each type and source is a
 * warning in the log, because one mistake may concern millions.
 */
export function countSkippedEvents(
  { group, topics }: EventHandler,
  { metrics, logger }: { readonly metrics: Metrics | undefined; readonly logger: Logger },
): SkippedEvents {
  const counter: Counter<'group' | 'topic' | 'reason'> | undefined = metrics?.counter(
    'ordermesh_events_skipped_total',
    'Events that had no effect: their type is unknown to this version, or a foreign producer left something out.',
    ['group', 'topic', 'reason'],
  );
  const all = topics.flatMap((topic) => reasons.map((reason) => ({ topic, reason, count: 0 })));
  for (const { topic, reason } of all) counter?.add({ group, topic, reason }, 0);
  const logged = new Set<string>();
  return {
    note({ topic, partition, offset }, { id, type, source }, { skipped: reason, problem }) {
      counter?.add({ group, topic, reason });
      const its = all.find((count) => count.topic === topic && count.reason === reason);
      if (its) its.count += 1;
      const kind = JSON.stringify([topic, type, source, reason]);
      const isFirst = !logged.has(kind) && logged.size < maxLogged;
      if (isFirst) logged.add(kind);
      const details = { group, event: id, type, source, topic, partition, offset: `${offset}`, reason, problem };
      logger[isFirst ? 'warn' : 'debug'](details, 'event skipped; it remains in the log, and a replay reads it again');
    },
    counts: () => all.filter(({ count }) => count > 0),
  };
}
