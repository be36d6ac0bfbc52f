import { copyFile, open as openFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tempFolder } from '../../../test/support/temp-folder.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import type { Task, TaskQueue } from '../task-queue.ts';
import { openEmbeddedTasks } from './embedded-tasks.ts';
import { taskMigrations } from './migrations.ts';

describe('a damaged task', () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let file: string;
  let tasks: TaskQueue | undefined;

  const open = async () => {
    tasks = await openEmbeddedTasks(file, { clock: systemClock, logger: createLogger('silent') });
    return tasks;
  };
  const close = async () => {
    await tasks?.close();
    tasks = undefined;
  };
  const change = async (sql: string) => {
    await close();
    const database = new DatabaseSync(file);
    database.exec(sql);
    database.close();
  };
  const task = (index: number) => ({
    id: `task-${index}`,
    payload: Buffer.from(`${index}`.repeat(index % 20 === 0 ? 3000 : 20)),
    headers: { template: 'order-placed' },
  });
  const comparable = ({ id, payload, headers: { template } }: Pick<Task, 'id' | 'payload' | 'headers'>) =>
    JSON.stringify([id, Buffer.from(payload).toString(), template]);
  /** Works on the queue until `count` tasks were handed out. */
  const workOn = async (from: TaskQueue, count: number) => {
    const seen: string[] = [];
    const worker = await from.work({ queue: 'jobs', handle: async (one) => void seen.push(comparable(one)) });
    await eventually(() => expect(seen.length).toBeGreaterThanOrEqual(count));
    await worker.stop();
    return seen.toSorted();
  };

  beforeEach(async () => {
    folder = await tempFolder();
    file = join(folder.path, 'tasks.db');
  });
  afterEach(async () => {
    await close();
    await folder[Symbol.asyncDispose]();
  });

  it.each(["payload = X'00'", "headers = '{}'", "id = 'other'", 'checksum = NULL', 'payload = CAST(payload AS TEXT)'])(
    'is handed to nobody, kept as it was found, and shown, while the others are worked on: %s',
    async (assignment) => {
      const written = await open();
      await written.enqueue('jobs', [0, 1, 2].map(task));
      await change(`UPDATE task SET ${assignment} WHERE id = 'task-1'`);
      const opened = await open();
      expect(await workOn(opened, 2)).toEqual([task(0), task(2)].map(comparable));
      expect(await opened.depth('jobs')).toBe(0);
      const corrupt = { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT', message: expect.stringContaining(file) };
      await expect(opened.check()).rejects.toMatchObject(corrupt);
      await change("UPDATE damaged_task SET note = 'seen'");
      await (await open()).check();
    },
  );

  it('is found when it is damaged while the process runs', async () => {
    const opened = await open();
    await opened.enqueue('jobs', [0, 1].map(task));
    await change("UPDATE task SET checksum = 1 WHERE id = 'task-0'");
    const again = await open();
    expect(await workOn(again, 1)).toEqual([comparable(task(1))]);
    await expect(again.check()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
  });

  it('is never handed out from a file with flipped bytes, and nothing is missing in silence', {
    timeout: 120_000,
  }, async () => {
    const written = await open();
    const all = Array.from({ length: 60 }, (_, index) => task(index));
    await written.enqueue('jobs', all);
    await close();
    const whole = join(folder.path, 'whole.db');
    await copyFile(file, whole);
    const { length } = await readFile(whole);
    const texts = new Set(all.map(comparable));
    const outcomes = { refused: 0, damaged: 0, harmless: 0 };
    for (let round = 0; round < 200; round += 1) {
      await copyFile(whole, file);
      await using handle = await openFile(file, 'r+');
      const position = Math.floor((length * (round + 0.5)) / 200);
      const byte = Buffer.alloc(1);
      await handle.read(byte, 0, 1, position);
      await handle.write(Buffer.from([(byte[0] ?? 0) ^ ((round % 255) + 1)]), 0, 1, position);
      outcomes[await tryWork(texts)] += 1;
    }
    expect(outcomes.refused + outcomes.damaged).toBeGreaterThan(40);
  });

  async function tryWork(texts: ReadonlySet<string>): Promise<'refused' | 'damaged' | 'harmless'> {
    try {
      const opened = await open();
      const failure: unknown = await opened.check().catch((error: unknown) => error);
      const seen = await workOn(opened, failure === undefined ? texts.size : await opened.depth('jobs'));
      for (const one of seen) expect(texts.has(one), one.slice(0, 100)).toBe(true);
      if (failure === undefined) return 'harmless';
      expect(failure).toMatchObject({ reason: 'STORAGE_CORRUPT' });
      return 'damaged';
    } catch (error) {
      if (!(error instanceof MeshError)) throw error;
      expect(['STORAGE_CORRUPT', 'STORAGE_MISCONFIGURED', 'TASKS_UNAVAILABLE']).toContain(error.reason);
      return 'refused';
    } finally {
      await close();
    }
  }

  /** Writes tasks as the program did that knew no checksums. */
  const writeWithoutChecksums = async (count: number) => {
    const storage = await openStorage(`sqlite:${file}`, { soleUser: true });
    await storage.migrate('tasks', taskMigrations.slice(0, 1));
    for (let index = 0; index < count; index += 1) {
      const { id, payload, headers } = task(index);
      await storage.execute(
        "INSERT INTO task (queue, id, payload, headers, attempts, due_time_ms, last_error) VALUES ('jobs', $1, $2, $3, 0, 0, '')",
        [id, payload, JSON.stringify(headers)],
      );
    }
    await storage.close();
  };

  it.each(['{"template":"ord', 'null', '5', '{"template":5}', ''])(
    'from before checksums, with headers that are none, stops no other: %s',
    async (headers) => {
      await writeWithoutChecksums(3);
      await change(`UPDATE task SET headers = '${headers}' WHERE id = 'task-1'`);
      const opened = await open();
      expect(await workOn(opened, 2)).toEqual([task(0), task(2)].map(comparable));
      await expect(opened.check()).rejects.toMatchObject({ code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' });
    },
  );

  it('is not confused with one from before checksums, which gets its own once', async () => {
    await writeWithoutChecksums(250);
    const opened = await open();
    await opened.check();
    expect(await workOn(opened, 250)).toHaveLength(250);
  });
});
