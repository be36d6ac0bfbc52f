import { readdir } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { User } from '../../../gen/ts/user/v1/user.ts';
import { defineEventTypes } from '../../event-store/aggregates/event-types.ts';
import { defineTopic } from '../../events/log/topic.ts';
import { echoService } from '../../server/testing/echo-service.ts';
import { defineQueue } from '../../tasks/queue.ts';
import { eventually } from '../../testing/eventually.ts';
import { startMesh } from '../../testing/start-mesh.ts';
import { testService } from '../../testing/test-service.ts';
import { defineService } from './define-service.ts';
import type { Service } from './service.ts';

interface NoteMessage {
  readonly type: string;
  readonly timestamp: Date | undefined;
  readonly id: string;
}
const codec = { toJSON: (message: NoteMessage) => message };
const options = { key: ({ id }: NoteMessage) => id, version: () => 1n };
const noteTopic = defineTopic<NoteMessage>('note.events', codec, options);
const otherTopic = defineTopic<NoteMessage>('other.events', codec, options);
const note: NoteMessage = { type: 'NOTE_WRITTEN', timestamp: new Date(), id: 'note-1' };
const counted = { encode: () => ({}), decode: () => ({ type: 'COUNTED' }) as const };
const prints = defineQueue<{ readonly text: string }>('prints');

async function start(...services: Parameters<typeof startMesh>[0]) {
  const mesh = await startMesh(services);
  onTestFinished(() => mesh.stop());
  return mesh;
}

describe('a defined service', () => {
  it('gets a database with its migrations, and is healthy while that takes writes', async () => {
    const sql = 'CREATE TABLE note (id TEXT PRIMARY KEY)';
    let rows: unknown;
    const mesh = await start(
      defineService({
        name: 'note',
        migrations: [{ name: '0001-init', sql }],
        setup: async ({ storage }) => {
          await storage.execute("INSERT INTO note (id) VALUES ('a')");
          rows = await storage.query('SELECT id FROM note');
          return { serves: [echoService()] };
        },
      }),
    );
    expect(rows).toEqual([{ id: 'a' }]);
    await expect(mesh.services[0]?.check?.()).resolves.toBeUndefined();
  });

  it('runs what it asks for without being started by hand: outbox, consumer and worker', async () => {
    const printed: string[] = [];
    const mesh = await start(
      defineService({
        name: 'note',
        migrations: [],
        topics: [noteTopic],
        setup: async ({ storage, outbox, run }) => {
          const one = async (request: User) => {
            await storage.transaction((tx) => outbox.addEvent(tx, noteTopic.event(note)));
            return request;
          };
          await run.consumer({
            group: 'note-service',
            topics: ['note.events'],
            handle: async () => async (tx) => outbox.addTask(tx, prints.task('print-1', { text: 'hello' })),
          });
          run.worker(prints, { handle: async ({ text }) => void printed.push(text) });
          return { serves: [echoService({ one })] };
        },
      }),
    );
    const service = mesh.services[0] ?? expect.fail('no service');
    await service.serves[0]?.handlers.one?.(User.fromPartial({}) as never, {} as never);
    await eventually(() => expect(printed).toEqual(['hello']));
    expect(service.deadLetters).toHaveLength(2);
  });

  it('refuses to publish to a topic that it did not declare', async () => {
    let adding: Promise<unknown> = Promise.resolve();
    await start(
      defineService({
        name: 'note',
        migrations: [],
        topics: [noteTopic],
        setup: ({ storage, outbox }) => {
          adding = storage.transaction((tx) => outbox.addEvent(tx, otherTopic.event(note)));
          adding.catch(() => undefined);
          return { serves: [] };
        },
      }),
    );
    await expect(adding).rejects.toThrow(/other\.events/);
  });

  it('cannot have topics without a database', () => {
    const define = () => defineService({ name: 'note', topics: [noteTopic], setup: () => ({ serves: [] }) });
    expect(define).toThrow('service note has topics and no database: give it migrations');
  });

  it('has no event log if it is stateless, in a process with other services too', async () => {
    const stateless = defineService({
      name: 'proxy',
      isStateless: true,
      setup: async ({ events }) => {
        await events.topics();
        return { serves: [] };
      },
    });
    const other = defineService({ name: 'note', migrations: [], setup: () => ({ serves: [] }) });
    await expect(startMesh([other, stateless])).rejects.toThrow('service proxy is stateless and has no event log');
  });

  it.each([
    ['reports an unavailable task queue before its first task if it only queues tasks', [], 'TASKS_UNAVAILABLE'],
    ['does not connect to the task queue if it publishes events', [noteTopic], undefined],
  ])('%s', async (_, topics, reason) => {
    const service = defineService({ name: 'note', migrations: [], topics, setup: () => ({ serves: [] }) });
    const mesh = await startMesh([service], { TASKS_URL: 'amqp://127.0.0.1:1' });
    onTestFinished(() => mesh.stop());
    const outcome = await mesh.runtime.tasks.check().catch((error) => error.reason);
    expect(outcome).toBe(reason);
  });

  it('does not start with TASKS_URL=off if it works on tasks', async () => {
    const working = defineService({
      name: 'note',
      migrations: [],
      setup: ({ run }) => {
        run.worker(prints, { handle: async () => undefined });
        return { serves: [] };
      },
    });
    await expect(startMesh([working], { TASKS_URL: 'off' })).rejects.toMatchObject({
      reason: 'TASKS_MISCONFIGURED',
      message: expect.stringContaining('TASKS_URL is off, and a service of it uses them: set TASKS_URL'),
    });
  });

  it('starts with TASKS_URL=off if it publishes events only', async () => {
    const service = defineService({ name: 'note', migrations: [], topics: [noteTopic], setup: () => ({ serves: [] }) });
    const mesh = await startMesh([service], { TASKS_URL: 'off' });
    onTestFinished(() => mesh.stop());
    await mesh.runtime.tasks.check();
    expect([mesh.runtime.info.tasks, await mesh.runtime.tasks.backlogs()]).toEqual(['off', []]);
    expect(await readdir(mesh.dataDir)).not.toContain('tasks.db');
  });

  it('refuses background work after its setup, which nobody would start', async () => {
    let runLater: () => void = () => undefined;
    await start(
      defineService({
        name: 'note',
        migrations: [],
        setup: ({ run }) => {
          runLater = () => run.worker(prints, { handle: async () => undefined });
          return { serves: [] };
        },
      }),
    );
    expect(() => runLater()).toThrow('service note asks for background work after its setup');
  });

  it('cannot publish the changes of aggregates without topics', async () => {
    const counter = {
      category: 'counter',
      events: defineEventTypes<{ type: 'COUNTED' }>({ COUNTED: counted }),
      evolve: () => 1,
    };
    const service = defineService({
      name: 'note',
      migrations: [],
      setup: async ({ aggregates }) => {
        await aggregates(counter, { publish: () => noteTopic.event(note) });
        return { serves: [] };
      },
    });
    await expect(startMesh([service])).rejects.toThrow('define it with topics');
  });

  it('is built after all others if it observes the process, wherever it is listed', async () => {
    let seen: readonly Service[] = [];
    const observer = defineService({
      name: 'observer',
      observesProcess: true,
      setup: ({ process }) => {
        seen = [...process.services];
        return { serves: [] };
      },
    });
    await start(observer, testService('first'), testService('second'));
    expect(seen.map(({ name }) => name)).toEqual(['first', 'second']);
  });

  it('stops its other work before its outbox, which publishes what that leaves behind', async () => {
    const published: string[] = [];
    const mesh = await start(
      defineService({
        name: 'note',
        migrations: [],
        topics: [noteTopic],
        setup: async ({ storage, outbox, events, run }) => {
          await events.ensureTopic('note.events');
          run.background({
            start: async () => undefined,
            stop: async () => {
              await storage.transaction((tx) => outbox.addEvent(tx, noteTopic.event(note)));
            },
          });
          return { serves: [] };
        },
      }),
    );
    const { events } = mesh.runtime;
    const publish = events.publish;
    Object.assign(events, {
      publish: async (batch: Parameters<typeof publish>[0]) => {
        const positions = await publish(batch);
        published.push(...batch.map(({ key }) => key));
        return positions;
      },
    });
    await mesh.stop();
    expect(published).toEqual(['note-1']);
  });
});
