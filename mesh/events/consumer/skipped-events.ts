import type { Counter, Metrics } from '../../metrics/metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { EventHandler, SkippedEvent, SkipReason } from './consumer.ts';

/** How many events of a topic a group has skipped since its process started. */
export interface SkippedCount {
  readonly topic: string;
  readonly reason: SkipReason | 'too-old';
  readonly count: number;
}

/** Counts and logs skipped events. */
export interface SkippedEvents {
  note(event: StoredEvent, attributes: EventAttributes, skipped: SkippedEvent): void;
  /** Notes an event that may have taken effect before, and the inbox no longer knows. */
  noteTooOld(event: StoredEvent, attributes: EventAttributes): void;
  /** Those that are not 0. */
  counts(): SkippedCount[];
}

const reasons: readonly SkippedCount['reason'][] = ['unknown-type', 'incomplete', 'too-old'];
const startedOver =
  'event skipped: the group started over, and no longer knows whether it has handled this event; see "A group that starts over" in docs/operating.md';
/** Foreign producers may send any number of types. */
const maxLogged = 100;

/**
 * Creates the counter `ordermesh_events_skipped_total` of a group, at 0. The first event of each type and source is a
 * warning in the log, because one mistake may concern millions; of those that are too old, the first of each partition.
 */
export function countSkippedEvents(
  { group, topics }: EventHandler,
  { metrics, logger }: { readonly metrics: Metrics | undefined; readonly logger: Logger },
): SkippedEvents {
  const counter: Counter<'group' | 'topic' | 'reason'> | undefined = metrics?.counter(
    'ordermesh_events_skipped_total',
    'Events that had no effect: of an unknown type, incomplete, or too old to know whether they had one before.',
    ['group', 'topic', 'reason'],
  );
  const all = topics.flatMap((topic) => reasons.map((reason) => ({ topic, reason, count: 0 })));
  for (const { topic, reason } of all) counter?.add({ group, topic, reason }, 0);
  const logged = new Set<string>();
  const count = (topic: string, reason: SkippedCount['reason']) => {
    counter?.add({ group, topic, reason });
    const its = all.find((one) => one.topic === topic && one.reason === reason);
    if (its) its.count += 1;
  };
  const isFirst = (...kind: readonly unknown[]): boolean => {
    const text = JSON.stringify(kind);
    if (logged.has(text) || logged.size >= maxLogged) return false;
    logged.add(text);
    return true;
  };
  const detailsOf = ({ topic, partition, offset }: StoredEvent, { id, type, source }: EventAttributes) => {
    return { group, event: id, type, source, topic, partition, offset: `${offset}` };
  };
  return {
    note(event, attributes, { skipped: reason, problem }) {
      const { topic } = event;
      count(topic, reason);
      const level = isFirst(topic, attributes.type, attributes.source, reason) ? 'warn' : 'debug';
      const details = { ...detailsOf(event, attributes), reason, problem };
      logger[level](details, 'event skipped; it remains in the log, and a replay reads it again');
    },
    noteTooOld(event, attributes) {
      const { topic, partition } = event;
      const reason = 'too-old';
      count(topic, reason);
      const level = isFirst(topic, partition, reason) ? 'warn' : 'debug';
      logger[level]({ ...detailsOf(event, attributes), reason }, startedOver);
    },
    counts: () => all.filter((one) => one.count > 0),
  };
}
