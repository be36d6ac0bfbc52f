import { describe, expect, it } from 'vitest';
import { deadLettersToCount } from '../../dead-letters/testing/dead-letters.ts';
import { eventually } from '../../testing/eventually.ts';
import { describeConsumers, failing, record, wrapped } from '../testing/consumers.ts';
import { outOfReach } from '../testing/events.ts';
import type { EventConsumer } from './create-consumer.ts';
import type { ReplayProgress, ReplayRange } from './replay.ts';

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

    it('does not handle an event that is older than the inbox remembers', async () => {
      const old = { ...wrapped('a', 1), timeMs: Date.now() - 8 * day };
      await parts().events.publish([old, wrapped('a', 2)]);
      const consumer = await makeConsumer(record, { startAt: 'latest' });
      await consumer.start();
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 1, 'too-old': 1 } });
      expect(await effects()).toEqual(['2']);
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

    it('waits while a dependency is unavailable, says for what, and ends when it is cancelled', async () => {
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

    it('ends immediately if there is nothing to read', async () => {
      const consumer = await makeConsumer(record);
      await consumer.start();
      expect(await replayAll(consumer)).toMatchObject({ outcomes: { applied: 0 }, done: true });
    });
  });
});

const whole: ReplayRange = { from: { at: 'beginning' } };

async function replayAll(consumer: EventConsumer, range: ReplayRange = whole): Promise<ReplayProgress | undefined> {
  return (await Array.fromAsync(consumer.replay(range, new AbortController().signal))).at(-1);
}

async function lagOf(consumer: EventConsumer): Promise<bigint> {
  return (await consumer.lag()).reduce((sum, { events }) => sum + events, 0n);
}
