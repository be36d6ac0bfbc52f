import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/config.ts';
import { countUnhandled } from '../../events/embedded/file/unhandled-events.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import { countByQueue } from '../../tasks/embedded/task-counts.ts';
import { workLeft } from '../errors.ts';
import type { Manifest } from './manifest.ts';

/** An embedded broker: the name of its database, and what counts what waits there. */
interface Embedded {
  readonly name: string;
  readonly variable: 'EVENTS_URL' | 'TASKS_URL';
  /** Without them, the file is older than what could wait in it. */
  readonly tables: readonly string[];
  /** Describes what waits; `undefined` if nothing does. */
  readonly describe: (storage: Storage) => Promise<string | undefined>;
}

const eventLog: Embedded = {
  name: 'events',
  variable: 'EVENTS_URL',
  tables: ['log_partition', 'committed_offset'],
  async describe(storage) {
    const groups = Object.entries(await countUnhandled(storage));
    if (groups.length === 0) return undefined;
    return `events wait for ${groups.map(([group, events]) => `${group} (${events} at most)`).join(', ')}`;
  },
};

const taskQueues: Embedded = {
  name: 'tasks',
  variable: 'TASKS_URL',
  tables: ['queued_task'],
  async describe(storage) {
    const queues = Object.entries(await countByQueue(storage));
    if (queues.length === 0) return undefined;
    return `tasks wait: ${queues.map(([queue, tasks]) => `${queue} (${tasks})`).join(', ')},`;
  },
};

/**
 * Throws FAILED_PRECONDITION `WORK_LEFT` if the process was on the embedded event log or task queues of its data folder, something
 * waits there, and the settings name others.
 */
export async function refuseToLeaveWork(config: Config, manifest: Manifest): Promise<void> {
  if (!config.eventsUrl.startsWith('embedded:')) await refuseIfAnyWaits(eventLog, config.dataDir, manifest);
  if (!config.tasksUrl.startsWith('embedded:')) await refuseIfAnyWaits(taskQueues, config.dataDir, manifest);
}

async function refuseIfAnyWaits(broker: Embedded, dataDir: string, manifest: Manifest): Promise<void> {
  const file = join(dataDir, `${broker.name}.db`);
  if (manifest.entryOf(`sqlite:${broker.name}`) === undefined || !existsSync(file)) return;
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  try {
    const found = await storage.query<{ name: string }>("SELECT name FROM sqlite_schema WHERE type = 'table'");
    const names = new Set(found.map(({ name }) => name));
    const what = broker.tables.every((table) => names.has(table)) ? await broker.describe(storage) : undefined;
    if (what !== undefined) throw workLeft({ what, file, variable: broker.variable, manifest: manifest.path });
  } finally {
    await storage.close();
  }
}
