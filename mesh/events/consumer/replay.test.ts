import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { deadLettersToCount } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import type { EventLog, Idle, StartPosition } from '../log/event-log.ts';
import { describeConsumers, failing, inboxForgets, record, wrapped } from '../testing/consumers.ts';
import { outOfReach } from '../testing/events.ts';
import type { EventConsumer } from './create-consumer.ts';
import { type ReplayProgress, type ReplayRange, replayEvents } from './replay.ts';

const day = 24 * 60 * 60 * 1000;

describe('a replay', () => {
  describeConsumers(({ effects, effectsToBe, makeConsumer, parts }) => {
    it('passes over events that took effect, and applies those that were ignored before', async () => {
      let wanted = ['1', '2'];
      const consumer = await makeConsumer(async (event, attributes) =>
        wanted.includes(`${attributes.version}`) ? await record(event, attributes) : undefined,
      );
      await consumer.start();
      await parts().events.publish([wrapped('a', 1), wrapped('a', 2), wrapped('b', 3), wrapped('b', 4)]);
      await eventually(async () => expect(await lagOf(consumer)).toBe(0n));
      await effectsToBe(['1', '2']);
      wanted = ['1', '2', '3'];
      const last = await replayAll(consumer);
      expect(last).toMatchObject({
        outcomes: { applied: 1, known: 2, ignored: 1, dead: 0, 'too-old': 0 },
        positions: [{ topic: 't', partition: 0, next: 4n, end: 4n }],
        done: true,
      });
      expect(await effects()).toEqual(['1', '2', '3']);
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 0, known: 3, ignored: 1 } });
    });

    it('reads events from before the start of the group, from offsets or from a time', async () => {
      const nowMs = Date.now();
      const at = (version: number, timeMs: number) => ({ ...wrapped('a', version), timeMs });
      await parts().events.publish([at(1, nowMs - 3_000), at(2, nowMs - 2_000), at(3, nowMs - 1_000)]);
      const consumer = await makeConsumer(record, { startAt: 'latest' });
      await consumer.start();
      const offsets = new Map([[0, 2n]]);
      expect(await replayAll(consumer, { from: { at: 'offsets', offsets } })).toMatchObject({
        outcomes: { applied: 1 },
      });
      expect(await effects()).toEqual(['3']);
      await replayAll(consumer, { from: { at: 'time', timeMs: nowMs - 2_000 }, topic: 't' });
      expect(await effects()).toEqual(['3', '2']);
      await replayAll(consumer);
      expect(await effects()).toEqual(['3', '2', '1']);
    });

    it('does not handle an event that the inbox has forgotten, even if the retention was raised since', async () => {
      const clock = createTestClock(Date.now());
      const first = await makeConsumer(record, { clock });
      await first.start();
      await parts().events.publish([wrapped('a', 1), wrapped('a', 2)]);
      await eventually(async () => expect(await effects()).toEqual(['1', '2']));
      await inboxForgets(parts().storage, clock);
      await first.stop();
      await parts().events.publish([{ ...wrapped('a', 3), timeMs: clock.now() }]);
      const second = await makeConsumer(record, { clock, logRetentionMs: 30 * day });
      expect(await replayAll(second)).toMatchObject({ outcomes: { applied: 1, 'too-old': 2 } });
      expect(await effects()).toEqual(['1', '2', '3']);
      // As docs/operating.md says for events that had no effect.
      await parts().storage.execute("UPDATE inbox_horizon SET time_ms = 0 WHERE consumer_group IN ('', 'g')");
      expect(await replayAll(second)).toMatchObject({ outcomes: { applied: 2, known: 1 } });
    });

    it('handles an old event if the inbox has forgotten none', async () => {
      await parts().events.publish([{ ...wrapped('a', 1), timeMs: Date.now() - 100 * day }]);
      const consumer = await makeConsumer(record, { startAt: 'latest' });
      await consumer.start();
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 1 } });
    });

    it('makes an event that fails a dead letter once, and continues', async () => {
      const consumer = await makeConsumer(failing({ count: 100 }), { startAt: 'latest' });
      await parts().events.publish([wrapped('bad', 1), wrapped('a', 2)]);
      await consumer.start();
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 1, dead: 1 } });
      await deadLettersToCount(consumer, 1);
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 0, known: 2, dead: 0 } });
      await deadLettersToCount(consumer, 1);
    });

    it('waits while a dependency is unavailable, reports which, and ends when it is cancelled', async () => {
      let isAway = true;
      await parts().events.publish([wrapped('a', 1), wrapped('a', 2)]);
      const consumer = await makeConsumer(
        async (event, attributes) => {
          if (isAway) throw outOfReach();
          return await record(event, attributes);
        },
        { startAt: 'latest' },
      );
      await consumer.start();
      const cancel = new AbortController();
      const cancelled = async () => {
        for await (const { waitingFor, done } of consumer.replay(whole, cancel.signal)) {
          expect(done).toBe(false);
          if (waitingFor !== '') cancel.abort(new Error('enough'));
        }
      };
      await expect(cancelled()).rejects.toThrow('enough');
      isAway = false;
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 2 } });
    });

    it('begins no further event after it was cancelled, and ends once the one in progress has ended', async () => {
      await parts().events.publish([wrapped('a', 1), wrapped('a', 2), wrapped('a', 3)]);
      const [begun, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const seen: string[] = [];
      const consumer = await makeConsumer(
        async (event, attributes) => {
          seen.push(`${attributes.version}`);
          begun.resolve();
          await release.promise;
          return await record(event, attributes);
        },
        { startAt: 'latest' },
      );
      await consumer.start();
      const cancel = new AbortController();
      let ended = false;
      const replay = Array.fromAsync(consumer.replay(whole, cancel.signal)).finally(() => {
        ended = true;
      });
      await begun.promise;
      cancel.abort(new Error('enough'));
      await setTimeout(50);
      expect(ended).toBe(false);
      release.resolve();
      await expect(replay).rejects.toThrow('enough');
      expect(await effects()).toEqual(['1']);
      expect(seen).toEqual(['1']);
    });

    it('ends immediately if there is nothing to read', async () => {
      const consumer = await makeConsumer(record);
      await consumer.start();
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 0 }, done: true });
    });
  });
});

describe('a replay of a log that pauses', () => {
  it('continues if an event comes while it checks whether the log works', async () => {
    const clock = createTestClock();
    const check = Promise.withResolvers<void>();
    const log = pausingLog({ end: 3n, check: () => check.promise });
    const last = readAll(log.events, clock);
    await log.pauses(1);
    clock.advance(10_000);
    log.resume();
    await log.pauses(2);
    check.resolve();
    await setTimeout(5);
    log.resume();
    expect(await last).toMatchObject({ outcomes: { applied: 3 }, done: true });
  });

  it('waits while the log does not work, and ends when it works and is quiet', async () => {
    const clock = createTestClock();
    let works = false;
    const log = pausingLog({ end: 3n, check: () => (works ? Promise.resolve() : Promise.reject(outOfReach())) });
    const last = readAll(log.events, clock);
    await log.pauses(1);
    clock.advance(10_000);
    await setTimeout(5);
    works = true;
    clock.advance(10_000);
    expect(await last).toMatchObject({ outcomes: { applied: 1 }, positions: [{ next: 3n }], done: true });
  });
});

/** A log with one partition, which pauses after each event. */
function pausingLog({ end, check }: { readonly end: bigint; readonly check: () => Promise<void> }) {
  let paused = 0;
  let resume: () => void = () => undefined;
  async function* read(_topic: string, _from: StartPosition, signal: AbortSignal, idle: Idle = (wait) => wait()) {
    for (let offset = 0n; offset < end; offset += 1n) {
      yield { topic: 't', partition: 0, offset, key: 'k', headers: {}, value: new Uint8Array(), timeMs: startMs };
      if (signal.aborted) return;
      const pause = new Promise<void>((resolve) => {
        resume = resolve;
        signal.addEventListener('abort', () => resolve());
      });
      paused += 1;
      await idle(() => pause);
      if (signal.aborted) return;
    }
  }
  const offsets = (offset: bigint) => async () => new Map([[0, offset]]);
  const events = { read, check, offsetsAt: offsets(0n), endOffsets: offsets(end) } as Partial<EventLog> as EventLog;
  return {
    events,
    pauses: (times: number) => eventually(() => expect(paused).toBe(times)),
    resume: () => resume(),
  };
}

const startMs = createTestClock().now();

async function readAll(events: EventLog, clock: TestClock): Promise<ReplayProgress | undefined> {
  const handling = {
    handle: async () => 'applied' as const,
    isKnown: async () => false,
    isForgotten: async () => false,
  };
  const deps = { events, handler: { group: 'g', topics: ['t'] }, handling, clock };
  return (await Array.fromAsync(replayEvents(deps, whole, new AbortController().signal))).at(-1);
}

const whole: ReplayRange = { from: { at: 'beginning' } };

async function replayAll(consumer: EventConsumer, range: ReplayRange = whole): Promise<ReplayProgress | undefined> {
  return (await Array.fromAsync(consumer.replay(range, new AbortController().signal))).at(-1);
}

async function lagOf(consumer: EventConsumer): Promise<bigint> {
  return (await consumer.lag()).reduce((sum, { events }) => sum + events, 0n);
}
