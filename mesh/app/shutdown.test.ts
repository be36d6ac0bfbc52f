import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { captureLog } from '../testing/captured-log.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createShutdown } from './shutdown.ts';

const never = () => new Promise<void>(() => undefined);

function begin(graceMs = 20_000) {
  const clock = createTestClock();
  const { logger, lines } = captureLog();
  const ended: string[] = [];
  const shutdown = createShutdown({ graceMs, clock, logger });
  const note = (name: string) => (left: number) => void ended.push(`${name} ${left}`);
  /** Turns the clock on until all has ended, and resolves with how long that took and what did not. */
  const finish = async () => {
    const startMs = clock.elapsedMs();
    let running = true;
    const failed = shutdown.run().finally(() => {
      running = false;
    });
    for (await turn(); running; await turn()) clock.advance(50);
    return { failed: (await failed).map(({ part }) => part), tookMs: clock.elapsedMs() - startMs };
  };
  return { shutdown, lines, ended, note, finish };
}

describe('a shutdown', () => {
  it('ends work first, then calls, then what both depend on, and gives calls all the time that is left', async () => {
    const { shutdown, ended, note, finish } = begin();
    shutdown.add('resources', 'database', note('database'));
    shutdown.add('calls', 'calls', note('calls'));
    shutdown.add('work', 'saga', note('saga'));
    expect((await finish()).failed).toEqual([]);
    expect(ended).toEqual(['saga 15000', 'calls 20000', 'database 0']);
  });

  it('ends in time even if a part hangs, names it, and still ends the others', async () => {
    const { shutdown, lines, ended, note, finish } = begin(1_000);
    shutdown.add('resources', 'task queue', never);
    shutdown.add('resources', 'database', note('database'));
    shutdown.add('calls', 'calls', never);
    shutdown.add('work', 'order', never);
    shutdown.add('work', 'user', note('user'));
    const { failed, tookMs } = await finish();
    expect(failed).toEqual(['order', 'calls', 'task queue']);
    expect(tookMs).toBeLessThanOrEqual(1_000 + 3_000);
    expect(ended).toEqual(['user 500', 'database 0']);
    expect(lines).toMatchObject(failed.map((part) => ({ level: 'error', part })));
  });

  it('leaves time for the calls if work hangs', async () => {
    const { shutdown, ended, note, finish } = begin(20_000);
    shutdown.add('work', 'order', never);
    shutdown.add('calls', 'calls', note('calls'));
    await finish();
    expect(Number(ended[0]?.split(' ')[1])).toBeGreaterThanOrEqual(4_000);
  });

  it('names what fails to end, immediately or later', async () => {
    const { shutdown, lines, finish } = begin();
    shutdown.add('work', 'order', () => {
      throw new Error('no');
    });
    shutdown.add('work', 'user', () => Promise.reject(new Error('later')));
    expect((await finish()).failed).toEqual(['user', 'order']);
    expect(lines).toMatchObject([
      { part: 'order', err: { message: 'no' } },
      { part: 'user', err: { message: 'later' } },
    ]);
  });
});
