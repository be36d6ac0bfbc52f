import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Runtime } from '../../app/service/service.ts';
import { eventually } from '../../testing/eventually.ts';
import { testService } from '../../testing/test-service.ts';
import { testStarts } from './testing/test-starts.ts';

const starts = testStarts();
const noKafka = { EVENTS_URL: 'kafka://127.0.0.1:1' };
const noRabbitmq = { TASKS_URL: 'amqp://127.0.0.1:1' };

/** A service that does this at its start, and nothing more. */
const does = (action: (runtime: Runtime) => Promise<unknown>) =>
  testService('order', async (runtime) => {
    const storage = await runtime.openStorage('order');
    await storage.migrate('order', [{ name: '0001-init', sql: 'CREATE TABLE note (id BIGINT PRIMARY KEY)' }]);
    return { start: async () => void (await action(runtime)) };
  });
const idle = does(async () => undefined);

async function publish({ events }: Runtime, keys: readonly string[]): Promise<void> {
  await events.ensureTopic('order.events');
  const event = { topic: 'order.events', headers: {}, value: Buffer.from('{}'), timeMs: 1 };
  await events.publish(keys.map((key) => ({ ...event, key })));
}

/** Consumes the topic until this many events are handled. */
async function consume({ events }: Runtime, group: string, count: number): Promise<void> {
  let handled = 0;
  const consumer = await events.consume({
    group,
    topics: ['order.events'],
    async handle() {
      handled += 1;
    },
  });
  await eventually(() => expect(handled).toBe(count));
  await consumer.stop();
}

describe('a start with another event log or other task queues', () => {
  it('is refused while events wait in the embedded log, and names their groups', async () => {
    await starts.run([does((runtime) => publish(runtime, []).then(() => consume(runtime, 'report', 0)))]);
    await starts.run([does((runtime) => publish(runtime, ['a', 'b', 'c']))]);
    await expect(starts.run([idle], starts.data, noKafka)).rejects.toMatchObject({
      reason: 'WORK_LEFT',
      message: `events wait in ${starts.file('events')} (at most: report 3), which EVENTS_URL no longer names: start with EVENTS_URL=embedded:${starts.file('events')} until none waits, stop, and then change it; or, to lose them, or if those groups no longer run, delete ${starts.file('events')}`,
    });
    await starts.run([does((runtime) => consume(runtime, 'report', 3))]);
    await starts.run([idle], starts.data, noKafka);
  });

  it('is refused while tasks wait in the embedded queues, and names those', async () => {
    const task = (id: string) => ({ id, payload: new Uint8Array(), headers: {} });
    await starts.run([does(({ tasks }) => tasks.enqueue('email-jobs', [task('1'), task('2')]))]);
    await expect(starts.run([idle], starts.data, noRabbitmq)).rejects.toMatchObject({
      reason: 'WORK_LEFT',
      message: expect.stringMatching(
        /^tasks wait in \S+tasks\.db \(at most: email-jobs 2\), which TASKS_URL no longer names: .*delete \S+tasks\.db and /,
      ),
    });
    await expect(starts.run([idle], starts.data, { TASKS_URL: 'off' })).rejects.toMatchObject({ reason: 'WORK_LEFT' });
    await starts.run([
      does(async ({ tasks }) => {
        const worker = await tasks.work({ queue: 'email-jobs', handle: async () => undefined });
        await eventually(async () => expect(await tasks.depth('email-jobs')).toBe(0));
        await worker.stop();
      }),
    ]);
    await starts.run([idle], starts.data, noRabbitmq);
  });

  it('is refused on files of an earlier version, of which it cannot tell', async () => {
    await starts.run([idle]);
    for (const [name, earlier] of [
      ['events', 'ALTER TABLE log_partition RENAME TO topic_partition'],
      ['tasks', 'ALTER TABLE queued_task RENAME TO task'],
    ] as const) {
      const database = new DatabaseSync(starts.file(name));
      database.exec(earlier);
      database.close();
    }
    const refused = (broker: string) => ({
      reason: 'WORK_LEFT',
      message: expect.stringMatching(`^${broker} wait in \\S+ of an earlier version, which`),
    });
    await expect(starts.run([idle], starts.data, noKafka)).rejects.toMatchObject(refused('events'));
    await expect(starts.run([idle], starts.data, noRabbitmq)).rejects.toMatchObject(refused('tasks'));
  });

  it('is refused while events wait, even if the file has lost events that a group has handled in another partition', async () => {
    await starts.run([does((runtime) => publish(runtime, []).then(() => consume(runtime, 'report', 0)))]);
    await starts.run([does((runtime) => publish(runtime, ['a', 'b', 'c']))]);
    const database = new DatabaseSync(starts.file('events'));
    const { changes } = database
      .prepare(
        'UPDATE committed_offset SET next_offset = 9 WHERE partition_id IN (SELECT id FROM log_partition WHERE end_offset = 0)',
      )
      .run();
    database.close();
    expect(changes).toBeGreaterThan(0);
    await expect(starts.run([idle], starts.data, noKafka)).rejects.toMatchObject({
      reason: 'WORK_LEFT',
      message: expect.stringContaining('(at most: report 3)'),
    });
  });

  it('is refused while events or tasks wait, even if the manifest was deleted', async () => {
    const task = { id: '1', payload: new Uint8Array(), headers: {} };
    await starts.run([does((runtime) => publish(runtime, []).then(() => consume(runtime, 'report', 0)))]);
    await starts.run([
      does((runtime) => publish(runtime, ['a']).then(() => runtime.tasks.enqueue('email-jobs', [task]))),
    ]);
    await rm(join(starts.data, 'manifest.json'));
    const refused = (waiting: string) => ({ reason: 'WORK_LEFT', message: expect.stringContaining(waiting) });
    await expect(starts.run([idle], starts.data, noKafka)).rejects.toMatchObject(refused('report 1'));
    await expect(starts.run([idle], starts.data, noRabbitmq)).rejects.toMatchObject(refused('email-jobs 1'));
    await starts.run([idle]);
  });

  it('forgets groups that no longer run once the file of the log is deleted', async () => {
    await starts.run([does((runtime) => publish(runtime, []).then(() => consume(runtime, 'gone', 0)))]);
    await starts.run([does((runtime) => publish(runtime, ['a']))]);
    await expect(starts.run([idle], starts.data, noKafka)).rejects.toMatchObject({ reason: 'WORK_LEFT' });
    await rm(starts.file('events'));
    await starts.run([idle], starts.data, noKafka);
  });

  it('asks nothing of a folder without them', async () => {
    await starts.run([idle], starts.data, { ...noKafka, ...noRabbitmq });
    await starts.run([idle]);
    await starts.run([idle], starts.data, { ...noKafka, ...noRabbitmq });
  });
});
