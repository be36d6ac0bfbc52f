import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../../../storage/open.ts';
import type { Storage } from '../../../storage/storage.ts';
import { describeOnEachDatabase } from '../../../testing/databases.ts';
import { createTestClock } from '../../../testing/test-clock.ts';
import { systemClock } from '../../../time/clock.ts';
import { createTaskLetters, type NewLetter, type TaskLetters } from './task-dead-letters.ts';

describe('the dead letters of a broker', () => {
  describeOnEachDatabase((newUrl) => {
    let storage: Storage;
    let letters: TaskLetters;

    beforeAll(async () => {
      storage = await openStorage(newUrl());
      letters = await createTaskLetters(storage, systemClock, async () => undefined);
    });
    afterAll(() => storage.close());

    const letter: NewLetter = {
      origin: 'q',
      reason: 'UNDECODABLE',
      error: 'no',
      attempts: 1,
      payload: Buffer.from([0, 255, 1]),
      headers: { to: 'bob' },
      subjectId: 'a',
      firstTimeMs: 1,
    };
    const openLetters = () => Array.fromAsync(letters.box.list({ origin: 'q' }, ''));

    it('are written once for each identity', async () => {
      await letters.bury('one', letter);
      await letters.bury('one', letter);
      expect(await openLetters()).toHaveLength(1);
    });

    it('are written once for each identity, also when the clock is a year ahead for a while', async () => {
      const clock = createTestClock();
      const own = await openStorage(newUrl());
      onTestFinished(() => own.close());
      const { bury, box } = await createTaskLetters(own, clock, async () => undefined);
      await bury('one', letter);
      clock.shift(365 * 86_400_000);
      await bury('meanwhile', letter);
      clock.shift(-365 * 86_400_000);
      await bury('one', letter);
      expect(await Array.fromAsync(box.list({}, ''))).toHaveLength(2);
    });

    it('are written with bytes and reason, whatever the texts of a letter hold', async () => {
      const odd = 'a\0b\ud800\u{10ffff}'.repeat(1_000);
      await letters.bury('odd', { ...letter, error: odd, subjectId: odd, headers: { [odd]: odd } });
      await letters.bury('odd-origin', { ...letter, origin: 'q\0q' });
      const found = await Array.fromAsync(letters.box.list({}, ''));
      expect(found).toHaveLength(3);
      for (const { reason, payload } of found) {
        expect(reason).toBe('UNDECODABLE');
        expect(Buffer.from(payload)).toEqual(Buffer.from(letter.payload));
      }
    });
  });
});
