import { describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { createOutput } from './output.ts';
import { createServers, type RunningServer, type ServerKind } from './servers.ts';

describe('the servers of a split mesh', () => {
  /** A server that serves and ends when the test says so. */
  function fakeServer() {
    const starts: PromiseWithResolvers<void>[] = [];
    const ends: (() => void)[] = [];
    const prepared: number[] = [];
    let stopped = 0;
    const start = async (stopping: AbortSignal): Promise<RunningServer> => {
      const serving = Promise.withResolvers<void>();
      starts.push(serving);
      stopping.addEventListener('abort', () => serving.reject(new Error('ended while it started')));
      await serving.promise;
      const { promise: ended, resolve } = Promise.withResolvers<void>();
      ends.push(resolve);
      const stop = async () => {
        stopped += 1;
        resolve();
      };
      return { ended, stop };
    };
    const kind: ServerKind = {
      name: 'Fake',
      part: 'fake',
      variable: 'TASKS_URL',
      installed: () => '1',
      prepare: async (_folder, connections) => {
        prepared.push(connections);
        return { url: 'amqp://fake', start };
      },
    };
    const log: string[] = [];
    const servers = createServers({
      environment: { DATABASE_URL: 'postgres://given', EVENTS_URL: 'kafka://given' },
      folder: 'unused',
      connections: 200,
      output: createOutput({ write: (line) => log.push(line) }),
      kinds: [kind],
    });
    return { servers, starts, ends, prepared, stopped: () => stopped, log: () => log.join('') };
  }

  it('are started unless they are given, for so many connections', async () => {
    const { servers, starts, prepared } = fakeServer();
    const started = servers.start();
    await eventually(() => expect(starts).toHaveLength(1));
    starts[0]?.resolve();
    expect(await started).toEqual({ database: 'postgres://given', events: 'kafka://given', tasks: 'amqp://fake' });
    expect(prepared).toEqual([200]);
    await servers.stop();
  });

  it('end if that is requested while they start', async () => {
    const { servers, starts, stopped, log } = fakeServer();
    const started = servers.start().catch((error: Error) => error.message);
    await eventually(() => expect(starts).toHaveLength(1));
    await servers.stop();
    expect(await started).toBe('ended while it started');
    expect(stopped()).toBe(0);
    expect(log()).toContain('stopping Fake');
  });

  it('are not started after the stop', async () => {
    const { servers, starts } = fakeServer();
    const started = servers.start().catch((error: Error) => error.message);
    await servers.stop();
    expect(await started).toBe('the servers are stopping');
    expect(starts).toEqual([]);
  });

  it('are stopped after they were started again', async () => {
    const { servers, starts, ends, stopped } = fakeServer();
    const started = servers.start();
    await eventually(() => expect(starts).toHaveLength(1));
    starts[0]?.resolve();
    await started;
    ends[0]?.();
    await eventually(() => expect(starts).toHaveLength(2));
    starts[1]?.resolve();
    await servers.stop();
    expect(stopped()).toBe(1);
  });

  it('end if that is requested while they are started again', async () => {
    const { servers, starts, ends, stopped } = fakeServer();
    const started = servers.start();
    await eventually(() => expect(starts).toHaveLength(1));
    starts[0]?.resolve();
    await started;
    ends[0]?.();
    await eventually(() => expect(starts).toHaveLength(2));
    await servers.stop();
    expect(stopped()).toBe(0);
  });
});
