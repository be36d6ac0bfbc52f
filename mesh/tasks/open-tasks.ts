import { join } from 'node:path';
import { type Config, databaseUrlOf } from '../config/config.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Storage } from '../storage/storage.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { measureTasks } from './measure-tasks.ts';
import type { TaskQueue } from './task-queue.ts';

export interface TaskOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Opens the database of the queues, or of their dead letters. */
  readonly open: (url: string) => Promise<Storage>;
}

/**
 * Opens the task queues of `TASKS_URL`. Those of a broker keep their dead letters in a database: `tasks` of
 * `DATABASE_URL`, or `tasks.db` in the data folder with SQLite.
 */
export async function openTasks(config: Config, options: TaskOptions): Promise<TaskQueue> {
  return measureTasks(await openUnmeasured(config, options), options.metrics);
}

async function openUnmeasured(config: Config, { clock, logger, open }: TaskOptions): Promise<TaskQueue> {
  const { tasksUrl } = config;
  if (tasksUrl.startsWith('embedded:')) {
    const { openEmbeddedTasks } = await import('./embedded/embedded-tasks.ts');
    return openEmbeddedTasks(tasksUrl.slice('embedded:'.length), { clock, logger, open });
  }
  const { openRabbitmqTasks } = await import('./rabbitmq/rabbitmq-tasks.ts');
  const storage = await open(deadLettersUrl(config));
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

function deadLettersUrl(config: Config): string {
  const url = databaseUrlOf(config, 'tasks');
  return url.startsWith('sqlite:') ? `sqlite:${join(config.dataDir, 'tasks.db')}` : url;
}
