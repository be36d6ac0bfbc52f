import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { describeOnEachDatabase } from '../../../testing/databases.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { systemClock } from '../../../time/clock.ts';
import { createTaskDeadLetters, type NewDeadLetter, type TaskDeadLetters } from './task-dead-letters.ts';

describe('the dead letters of a broker', () => {
  describeOnEachDatabase((newUrl) => {
    let storage: Storage;
    let deadLetters: TaskDeadLetters;

    beforeAll(async () => {
      storage = await openStorage(newUrl());
      deadLetters = await createTaskDeadLetters(storage, systemClock, async () => undefined);
    });
    afterAll(() => storage.close());

    const anyDeadLetter: NewDeadLetter = {
      origin: 'q',
      reason: 'UNDECODABLE',
      error: 'no',
      attempts: 1,
      payload: Buffer.from([0, 255, 1]),
      headers: { to: 'bob' },
      subjectId: 'a',
      firstTimeMs: 1,
    };
    const openDeadLetters = () => Array.fromAsync(deadLetters.queue.list({ origin: 'q' }, ''));

    it('are written once for each identity', async () => {
      await deadLetters.add('one', anyDeadLetter);
      await deadLetters.add('one', anyDeadLetter);
      expect(await openDeadLetters()).toHaveLength(1);
    });

    it('are written once for each identity, even if the clock is a year ahead for a while', async () => {
      const clock = createTestClock();
      const own = await openStorage(newUrl());
      onTestFinished(() => own.close());
      const { add, queue } = await createTaskDeadLetters(own, clock, async () => undefined);
      await add('one', anyDeadLetter);
      clock.shift(365 * 86_400_000);
      await add('meanwhile', anyDeadLetter);
      clock.shift(-365 * 86_400_000);
      await add('one', anyDeadLetter);
      expect(await Array.fromAsync(queue.list({}, ''))).toHaveLength(2);
    });

    it('are written with bytes and reason, even if their texts cannot be stored', async () => {
      const odd = 'a\0b\ud800\u{10ffff}'.repeat(1_000);
      await deadLetters.add('odd', { ...anyDeadLetter, error: odd, subjectId: odd, headers: { [odd]: odd } });
      await deadLetters.add('odd-origin', { ...anyDeadLetter, origin: 'q\0q' });
      const found = await Array.fromAsync(deadLetters.queue.list({}, ''));
      expect(found).toHaveLength(3);
      for (const { reason, payload } of found) {
        expect(reason).toBe('UNDECODABLE');
        expect(Buffer.from(payload)).toEqual(Buffer.from(anyDeadLetter.payload));
      }
    });
  });
});
