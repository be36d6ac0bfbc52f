import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { tempFolder } from '../../testing/temp-folder.ts';
import { systemClock } from '../../time/clock.ts';
import { openEmbeddedTasks } from './embedded-tasks.ts';
import { taskMigrations } from './migrations.ts';

it.each([
  'UPDATE task SET lease = NULL, due_time_ms = 0 WHERE lease IS NOT NULL',
  'SELECT queue, COUNT(*) AS tasks FROM task GROUP BY queue',
  "INSERT INTO task (queue, id, payload, headers, attempts, due_time_ms, last_error) VALUES ('q', 'a', X'', '{}', 0, 0, '')",
])('a queue with checksums cannot be opened by a program from before checksums: %s', async (itsStatement) => {
  await using folder = await tempFolder();
  const file = join(folder.path, 'tasks.db');
  const tasks = await openEmbeddedTasks(file, { clock: systemClock, logger: createLogger('silent') });
  await tasks.close();
  const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
  await storage.migrate('tasks', taskMigrations.slice(0, 1));
  await expect(storage.execute(itsStatement)).rejects.toThrow('no such table: task');
  await storage.close();
});
