import { join } from 'node:path';
import { type Config, databaseUrlOf } from '../config/config.ts';
import { openStorage } from '../storage/open.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { TaskQueue } from './task-queue.ts';

/**
 * Opens the task queues that `TASKS_URL` names. Those of a broker keep their dead letters in a database: `tasks` of
 * `DATABASE_URL`, or `tasks.db` in the data folder beside SQLite.
 */
export async function openTasks(
  config: Config,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<TaskQueue> {
  const { tasksUrl } = config;
  if (tasksUrl.startsWith('embedded:')) {
    const { openEmbeddedTasks } = await import('./embedded/embedded-tasks.ts');
    return openEmbeddedTasks(tasksUrl.slice('embedded:'.length), { clock, logger });
  }
  const { openRabbitmqTasks } = await import('./rabbitmq/rabbitmq-tasks.ts');
  const storage = await openStorage(lettersUrl(config));
  try {
    const tasks = await openRabbitmqTasks(tasksUrl, { storage, clock, logger });
    return {
      ...tasks,
      async close() {
        await tasks.close();
        await storage.close();
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

function lettersUrl(config: Config): string {
  const url = databaseUrlOf(config, 'tasks');
  return url.startsWith('sqlite:') ? `sqlite:${join(config.dataDir, 'tasks.db')}` : url;
}
