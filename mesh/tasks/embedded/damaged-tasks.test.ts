import { copyFile, open as openFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { openStorage } from '../../storage/open.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { compareTasks, listDamaged, prepareTasks } from './damaged-tasks.ts';
import { createTaskStore } from './task-store.ts';
import { comparable, numberedTask, testTaskFile, workOn } from './testing/task-file.ts';

describe('a damaged task', () => {
  const file = testTaskFile();

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
    const written = await file.open();
    await written.enqueue('jobs', [0, 1, 2].map(numberedTask));
    await file.change(`UPDATE queued_task SET ${assignment} WHERE id = 'task-1'`);
    const opened = await file.open();
    expect(await workOn(opened, 2)).toEqual([numberedTask(0), numberedTask(2)].map(comparable));
    expect(await opened.depth('jobs')).toBe(0);
    const corrupt = { code: Status.DATA_LOSS, reason: 'STORAGE_CORRUPT', message: expect.stringContaining(file.path) };
    await expect(opened.check()).rejects.toMatchObject(corrupt);
    await file.change("UPDATE damaged_task SET note = 'seen'");
    await (await file.open()).check();
  });

  it.each(['attempts = 3', 'due_time_ms = due_time_ms + 100000000000', "lease = 'me'", "payload = X'00'"])(
    'is found when the process runs on that damages it: %s',
    async (assignment) => {
      const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
      const tasks = await file.open({ open: async () => storage });
      await tasks.enqueue('jobs', [0, 1].map(numberedTask));
      await storage.execute(`UPDATE queued_task SET ${assignment} WHERE id = 'task-0'`);
      expect(await workOn(tasks, 1)).toEqual([comparable(numberedTask(1))]);
      const found = await Array.fromAsync(tasks.searchDamage?.(() => undefined) ?? []);
      expect(found).toMatchObject([{ reason: 'STORAGE_CORRUPT', metadata: { task: 'task-0' } }]);
      await expect(tasks.check()).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
    },
  );

  it('is not reported for a task that was retried, returned, renewed or interrupted, with any error text', async () => {
    const storage = await openStorage(`sqlite:${file.path}`, { exclusive: true });
    await prepareTasks(storage, file.path);
    const clock = createTestClock();
    const store = await createTaskStore(storage, clock, () => undefined);
    const claim = async (longestDelayMs = 60_000) =>
      (await store.claim('jobs', { limit: 1, visibilityTimeoutMs: 1000.5, longestDelayMs })).tasks[0] ??
      expect.fail('no task is due');
    const compare = async () => {
      await compareTasks(storage, () => undefined);
      expect(await listDamaged(storage)).toEqual([]);
    };
    await store.add('jobs', [numberedTask(0)]);
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
    const written = await file.open();
    await written.enqueue('jobs', [numberedTask(0)]);
    await file.change('UPDATE queued_task SET attempts = 9');
    const opened = await file.open();
    await opened.enqueue('jobs', [numberedTask(1)]);
    await file.change('UPDATE queued_task SET attempts = 9');
    const again = await file.open();
    const found = await Array.fromAsync(again.searchDamage?.(() => undefined) ?? []);
    expect(found.map(({ metadata }) => metadata.task)).toEqual(['task-0', 'task-1']);
  });

  it('is never given to a worker from a file with flipped bytes, and none is silently missing', {
    timeout: 120_000,
  }, async () => {
    const written = await file.open();
    const all = Array.from({ length: 60 }, (_, index) => numberedTask(index));
    await written.enqueue('jobs', all);
    await file.close();
    const whole = join(file.folder, 'whole.db');
    await copyFile(file.path, whole);
    const { length } = await readFile(whole);
    const texts = new Set(all.map(comparable));
    const outcomes = { refused: 0, damaged: 0, harmless: 0 };
    for (let round = 0; round < 200; round += 1) {
      await copyFile(whole, file.path);
      await using handle = await openFile(file.path, 'r+');
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
      const opened = await file.open();
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
      await file.close();
    }
  }
});
