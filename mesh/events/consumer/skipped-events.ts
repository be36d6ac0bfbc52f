import type { Counter, Metrics } from '../../metrics/metrics.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { EventHandler, SkippedEvent, SkipReason } from './consumer.ts';

/** Counts and logs skipped events. */
export type NoteSkipped = (event: StoredEvent, attributes: EventAttributes, skipped: SkippedEvent) => void;

const reasons: readonly SkipReason[] = ['unknown-type', 'incomplete'];
/** Foreign producers may send any number of types. */
const maxLogged = 100;

/**
 * Creates the counter `ordermesh_events_skipped_total` of a group, at 0. The first event of each type and source is a
 * warning in the log, because one mistake may concern millions.
 */
export function noteSkippedEvents(
  { group, topics }: EventHandler,
  { metrics, logger }: { readonly metrics: Metrics | undefined; readonly logger: Logger },
): NoteSkipped {
  const counter: Counter<'group' | 'topic' | 'reason'> | undefined = metrics?.counter(
    'ordermesh_events_skipped_total',
    'Events that had no effect: their type is unknown to this version, or a foreign producer left something out.',
    ['group', 'topic', 'reason'],
  );
  for (const topic of topics) for (const reason of reasons) counter?.add({ group, topic, reason }, 0);
  const logged = new Set<string>();
  return ({ topic, partition, offset }, { id, type, source }, { skipped, problem }) => {
    counter?.add({ group, topic, reason: skipped });
    const kind = JSON.stringify([topic, type, source, skipped]);
    const isFirst = !logged.has(kind) && logged.size < maxLogged;
    if (isFirst) logged.add(kind);
    const details = { group, event: id, type, source, topic, partition, offset: `${offset}`, reason: skipped, problem };
    logger[isFirst ? 'warn' : 'debug'](details, 'event skipped; it remains in the log, and a replay reads it again');
  };
}
