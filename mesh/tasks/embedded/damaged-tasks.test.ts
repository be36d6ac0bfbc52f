import { copyFile, open as openFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { eventually } from '../../testing/eventually.ts';
import { type TempFolder, tempFolder } from '../../testing/temp-folder.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { systemClock } from '../../time/clock.ts';
import type { Task, TaskQueue } from '../task-queue.ts';
import { compareTasks, listDamaged, prepareTasks } from './damaged-tasks.ts';
import { openEmbeddedTasks } from './embedded-tasks.ts';
import { taskMigrations } from './migrations.ts';
import { contentChecksum } from './task-row.ts';
import { createTaskStore } from './task-store.ts';

describe('a damaged task', () => {
  let folder: TempFolder;
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
  /** Works on the queue until `count` tasks were delivered. */
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

  it.each([
    "payload = X'00'",
    "headers = '{}'",
    "id = 'other'",
    'checksum = NULL',
    'payload = CAST(payload AS TEXT)',
    'seq = 77',
    'seq = -77',
    'attempts = 3',
    'due_time_ms = due_time_ms - 1',
    'due_time_ms = due_time_ms + 100000000000',
    "due_time_ms = 'soon'",
    "lease = 'somebody'",
    'first_time_ms = 1',
    "last_error = 'none'",
    'state_checksum = NULL',
  ])('is given to no worker, kept as it was found and listed, while others are worked on: %s', async (assignment) => {
    const written = await open();
    await written.enqueue('jobs', [0, 1, 2].map(task));
    await change(`UPDATE queued_task SET ${assignment} WHERE id = 'task-1'`);
    const opened = await open();
    expect(await workOn(opened, 2)).toEqual([task(0), task(2)].map(comparable));
    expect(await opened.depth('jobs')).toBe(0);
    const corrupt = { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT', message: expect.stringContaining(file) };
    await expect(opened.check()).rejects.toMatchObject(corrupt);
    await change("UPDATE damaged_task SET note = 'seen'");
    await (await open()).check();
  });

  it.each(['attempts = 3', 'due_time_ms = due_time_ms + 100000000000', "lease = 'me'", "payload = X'00'"])(
    'is found when the process runs on that damages it: %s',
    async (assignment) => {
      const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
      tasks = await openEmbeddedTasks(file, {
        clock: systemClock,
        logger: createLogger('silent'),
        open: async () => storage,
      });
      await tasks.enqueue('jobs', [0, 1].map(task));
      await storage.execute(`UPDATE queued_task SET ${assignment} WHERE id = 'task-0'`);
      expect(await workOn(tasks, 1)).toEqual([comparable(task(1))]);
      const found = await Array.fromAsync(tasks.searchDamage?.(() => undefined) ?? []);
      expect(found).toMatchObject([{ reason: 'STORAGE_CORRUPT', metadata: { task: 'task-0' } }]);
      await expect(tasks.check()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
    },
  );

  it('is not reported for a task that was retried, returned, renewed or interrupted, with any error text', async () => {
    const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
    await prepareTasks(storage, file);
    const clock = createTestClock();
    const store = await createTaskStore(storage, clock, () => undefined);
    const claim = async (longestDelayMs = 60_000) =>
      (await store.claim('jobs', { limit: 1, visibilityTimeoutMs: 1000.5, longestDelayMs })).tasks[0] ??
      expect.fail('no task is due');
    const compare = async () => {
      await compareTasks(storage, () => undefined);
      expect(await listDamaged(storage)).toEqual([]);
    };
    await store.add('jobs', [task(0)]);
    await compare();
    const first = await claim();
    await compare();
    await store.renew(first, 2000.5);
    await compare();
    await store.retryLater('jobs', first, { delayMs: 0.5, counts: true, error: `cut: \uD83D é ${'x'.repeat(4000)}` });
    await compare();
    clock.advance(1);
    const second = await claim();
    expect(second).toMatchObject({ attempt: 2, lastError: expect.stringMatching(/^cut: . é x/) });
    await store.retryLater('jobs', second, { delayMs: 0, counts: false, error: 'down' });
    await compare();
    await store.giveBack('jobs', await claim());
    await compare();
    await store.retryLater('jobs', await claim(), { delayMs: 1_000_000, counts: true, error: 'no' });
    expect(await claim()).toMatchObject({ attempt: 3, lastError: 'no' });
    await compare();
    const next = await createTaskStore(storage, clock, () => undefined);
    await compare();
    expect(await next.depth('jobs')).toBe(1);
    expect(await claim()).toMatchObject({ attempt: 4, firstTimeMs: first.firstTimeMs });
    await storage.close();
  });

  it('keeps its number, which no other task gets', async () => {
    const written = await open();
    await written.enqueue('jobs', [task(0)]);
    await change('UPDATE queued_task SET attempts = 9');
    const opened = await open();
    await opened.enqueue('jobs', [task(1)]);
    await change('UPDATE queued_task SET attempts = 9');
    const again = await open();
    const found = await Array.fromAsync(again.searchDamage?.(() => undefined) ?? []);
    expect(found.map(({ metadata }) => metadata.task)).toEqual(['task-0', 'task-1']);
  });

  it('is never given to a worker from a file with flipped bytes, and none is silently missing', {
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

  /** Writes tasks like a program from before checksums. */
  const writeWithoutChecksums = async (count: number) => {
    const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
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

  it.each([
    ...['{"template":"ord', 'null', '5', '{"template":5}', ''].map((headers) => `headers = '${headers}'`),
    "attempts = 'x'",
    "first_time_ms = 'x'",
    "last_error = X'00'",
    'payload = CAST(payload AS TEXT)',
  ])('does not stop others if it is from before checksums and invalid: %s', async (assignment) => {
    await writeWithoutChecksums(3);
    await change(`UPDATE task SET ${assignment} WHERE id = 'task-1'`);
    const opened = await open();
    expect(await workOn(opened, 2)).toEqual([task(0), task(2)].map(comparable));
    await expect(opened.check()).rejects.toMatchObject({ code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT' });
  });

  it('is not confused with a task from before checksums, which gets its own once', async () => {
    await writeWithoutChecksums(250);
    const opened = await open();
    await opened.check();
    expect(await workOn(opened, 250)).toHaveLength(250);
  });

  it('is not confused with a task that has the checksum of its content and gets the other one', async () => {
    const storage = await openStorage(`sqlite:${file}`, { exclusive: true });
    await storage.migrate('tasks', taskMigrations.slice(0, 3));
    const { id, payload } = task(0);
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
    const opened = await open();
    await expect(opened.check()).rejects.toMatchObject({ metadata: { task: 'damaged' } });
    expect(await workOn(opened, 1)).toHaveLength(1);
  });
});
