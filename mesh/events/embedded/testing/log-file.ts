import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, expect } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import { type TempFolder, tempFolder } from '../../../testing/temp-folder.ts';
import { type Clock, systemClock } from '../../../time/clock.ts';
import type { EventLog, StoredEvent } from '../../log/event-log.ts';
import { openEmbeddedLog } from '../embedded-log.ts';

/** The file of an embedded log, a new one for each test. */
export interface TestLogFile {
  readonly path: string;
  /** Opens the log in the file, or the one of another program in the same file. Closed after the test. */
  open(options?: { readonly clock?: Clock; readonly openStorage?: () => Promise<Storage> }): Promise<EventLog>;
  close(): Promise<void>;
  /** Closes the log and changes the file by SQL. */
  change(sql: string): Promise<void>;
}

/** Makes the file of the tests of this suite. */
export function testLogFile(): TestLogFile {
  let folder: TempFolder;
  let log: EventLog | undefined;

  const close = async () => {
    await log?.close();
    log = undefined;
  };
  beforeEach(async () => {
    folder = await tempFolder();
  });
  afterEach(async () => {
    await close();
    await folder[Symbol.asyncDispose]();
  });

  return {
    get path() {
      return join(folder.path, 'events.db');
    },
    async open({ clock = systemClock, openStorage: openOther } = {}) {
      log = await openEmbeddedLog(join(folder.path, 'events.db'), {
        clock,
        logger: createLogger('silent'),
        open: openOther ?? ((url) => openStorage(url, { exclusive: true, clock })),
      });
      return log;
    },
    close,
    async change(sql) {
      await close();
      const database = new DatabaseSync(join(folder.path, 'events.db'));
      database.exec(sql);
      database.close();
    },
  };
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
