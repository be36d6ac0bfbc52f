import { Status } from 'nice-grpc-common';
import { expect } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { type TestDatabaseFile, testDatabaseFile } from '../../../testing/database-file.ts';
import { type Clock, systemClock } from '../../../time/clock.ts';
import type { EventLog, StoredEvent } from '../../log/event-log.ts';
import { openEmbeddedLog } from '../embedded-log.ts';

interface OpenOptions {
  readonly clock?: Clock;
  readonly openStorage?: () => Promise<Storage>;
}

/** Makes the file of an embedded log, a new one for each test of this suite. */
export function testLogFile(): TestDatabaseFile<EventLog, OpenOptions> {
  return testDatabaseFile('events.db', (path, { clock = systemClock, openStorage: openOther }: OpenOptions = {}) =>
    openEmbeddedLog(path, {
      clock,
      logger: createLogger('silent'),
      open: openOther ?? ((url) => openStorage(url, { exclusive: true, clock })),
    }),
  );
}

/** Reads a topic until the log throws or has delivered `count` events. */
export async function readAll(
  log: EventLog,
  topic: string,
  count: number,
): Promise<{ events: StoredEvent[]; error: unknown }> {
  const events: StoredEvent[] = [];
  const stop = new AbortController();
  try {
    for await (const stored of log.read(topic, { at: 'beginning' }, stop.signal)) {
      events.push(stored);
      if (events.length === count) stop.abort();
    }
  } catch (error) {
    return { events, error };
  }
  return { events, error: undefined };
}

/** Matches the error of a damaged file whose text contains `text`. */
export const corrupt = (text: string) => ({
  code: Status.DATA_LOSS,
  reason: 'STORAGE_CORRUPT',
  message: expect.stringContaining(text),
});
