import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { countUnhandled } from '../../events/embedded/file/unhandled-events.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { countByQueue } from '../../tasks/embedded/task-counts.ts';
import { workLeft } from '../errors.ts';
import type { Manifest } from './manifest.ts';

/** An embedded event log, or embedded task queues. */
interface Embedded {
  readonly name: 'events' | 'tasks';
  readonly table: string;
  /** A table that files of the versions before have, and `table` not. */
  readonly earlierTable: string;
  /** Counts what waits, by consumer group or queue. */
  readonly count: (storage: Storage) => Promise<Readonly<Record<string, number>>>;
}

const eventLog: Embedded = {
  name: 'events',
  table: 'log_partition',
  earlierTable: 'topic_partition',
  count: countUnhandled,
};
const taskQueues: Embedded = { name: 'tasks', table: 'queued_task', earlierTable: 'task', count: countByQueue };

/**
 * Throws FAILED_PRECONDITION `WORK_LEFT` if something waits in the embedded event log or task queues of the data folder, and the
 * settings name others. Throws what opening a database throws, if one cannot be read.
 */
export async function refuseToLeaveWork(config: Config, manifest: Manifest): Promise<void> {
  if (!config.eventsUrl.startsWith('embedded:')) await refuseIfAnyWaits(eventLog, config.dataDir, manifest);
  if (!config.tasksUrl.startsWith('embedded:')) await refuseIfAnyWaits(taskQueues, config.dataDir, manifest);
}

async function refuseIfAnyWaits(broker: Embedded, dataDir: string, manifest: Manifest): Promise<void> {
  const { name, table, earlierTable, count } = broker;
  const file = join(dataDir, `${name}.db`);
  // Not by the manifest: whoever deletes it continues with the databases that are there.
  if (!existsSync(file)) return;
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  try {
    const found = await storage.query<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
    const tables = new Set(found.map((row) => row.name));
    const waiting = tables.has(table) ? await count(storage) : {};
    const isEarlier = !tables.has(table) && tables.has(earlierTable);
    if (isEarlier || Object.keys(waiting).length > 0)
      throw workLeft({ broker: name, waiting: isEarlier ? undefined : waiting, file, manifest: manifest.path });
  } finally {
    await storage.close();
  }
}
