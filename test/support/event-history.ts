import { join } from 'node:path';
import { openEmbeddedLog } from '../../mesh/events/embedded/embedded-log.ts';
import type { EventLog } from '../../mesh/events/log/event-log.ts';
import { createLogger } from '../../mesh/telemetry/logger.ts';
import { systemClock } from '../../mesh/time/clock.ts';

/** The event versions of each aggregate in log order, without duplicates, by `topic/key`. */
export type EventHistory = ReadonlyMap<string, readonly number[]>;

/** Reads the whole embedded log of a process that has exited. */
export async function readHistory(dataDir: string): Promise<EventHistory> {
  const log = await openEmbeddedLog(join(dataDir, 'events.db'), { clock: systemClock, logger: createLogger('fatal') });
  try {
    return await historyOf(log);
  } finally {
    await log.close();
  }
}

/** Reads the whole of a log to which nothing is added. */
export async function historyOf(log: EventLog): Promise<EventHistory> {
  const history = new Map<string, number[]>();
  for (const { name } of await log.topics()) await addTopic(log, name, history);
  return history;
}

async function addTopic(log: EventLog, topic: string, history: Map<string, number[]>): Promise<void> {
  const ends = await log.endOffsets(topic);
  let left = [...ends.values()].reduce((sum, end) => sum + Number(end), 0);
  if (left === 0) return;
  const seen = new Set<string>();
  for await (const { key, headers } of log.read(topic, { at: 'beginning' }, new AbortController().signal)) {
    const { ce_id: id = '', ce_sequence: version } = headers;
    const versions = history.get(`${topic}/${key}`) ?? [];
    if (!seen.has(id)) history.set(`${topic}/${key}`, [...versions, Number(version)]);
    seen.add(id);
    left -= 1;
    if (left === 0) return;
  }
}
