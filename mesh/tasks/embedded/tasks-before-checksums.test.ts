import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { openStorage } from '../../storage/open.ts';
import { taskMigrations } from './migrations.ts';
import { contentChecksum } from './task-row.ts';
import { comparable, numberedTask, testTaskFile, workOn } from './testing/task-file.ts';

describe('a damaged task', () => {
  const file = testTaskFile();

  /** Writes tasks like a program from before checksums. */
  const writeWithoutChecksums = async (count: number) => {
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    await storage.migrate('tasks', taskMigrations.slice(0, 1));
    for (let index = 0; index < count; index += 1) {
      const { id, payload, headers } = numberedTask(index);
      await storage.execute(
        "INSERT INTO task (queue, id, payload, headers, attempts, due_time_ms, last_error) VALUES ('jobs', $1, $2, $3, 0, 0, '')",
        [id, payload, JSON.stringify(headers)],
      );
    }
    await storage.close();
  };

  it.each([
    ...['{"template":"ord', 'null', '5', '{"template":5}', ''].map((headers) => `headers = '${headers}'`),
    "attempts = 'x'",
    "first_time_ms = 'x'",
    "last_error = X'00'",
    'payload = CAST(payload AS TEXT)',
  ])('does not stop others if it is from before checksums and invalid: %s', async (assignment) => {
    await writeWithoutChecksums(3);
    await file.change(`UPDATE task SET ${assignment} WHERE id = 'task-1'`);
    const opened = await file.open();
    expect(await workOn(opened, 2)).toEqual([numberedTask(0), numberedTask(2)].map(comparable));
    await expect(opened.check()).rejects.toMatchObject({ code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' });
  });

  it('is not confused with a task from before checksums, which gets its own once', async () => {
    await writeWithoutChecksums(250);
    const opened = await file.open();
    await opened.check();
    expect(await workOn(opened, 250)).toHaveLength(250);
  });

  it('is not confused with a task that has the checksum of its content and gets the other one', async () => {
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    await storage.migrate('tasks', taskMigrations.slice(0, 3));
    const { id, payload } = numberedTask(0);
    const content = { queue: 'jobs', id, payload, headers: '{}' };
    for (const [id, checksum] of [
      [content.id, contentChecksum(content)],
      ['damaged', 1n],
    ] as const) {
      await storage.execute(
        `INSERT INTO task (queue, id, payload, headers, attempts, due_time_ms, last_error, checksum)
         VALUES ('jobs', $1, $2, '{}', 0, 0, '', $3)`,
        [id, payload, checksum],
      );
    }
    await storage.close();
    const opened = await file.open();
    await expect(opened.check()).rejects.toMatchObject({ metadata: { task: 'damaged' } });
    expect(await workOn(opened, 1)).toHaveLength(1);
  });
});
