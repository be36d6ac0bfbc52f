import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { closeAfterEach, openTestStorage } from '../testing/test-engine.ts';
import { createDatabaseClock } from './database-clock.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  it('returns the time of the database and what has passed since, no matter how the machine is set', async () => {
    const storage = await openTestStorage(newUrl());
    const machine = createTestClock(1_000_000);
    const clock = createDatabaseClock(storage, machine, async () => 5_000_000);
    expect(clock.now()).toBe(1_000_000);
    await clock.adjust();
    machine.shift(60_000);
    machine.advance(100);
    expect(clock.now()).toBe(storage.dialect === 'sqlite' ? machine.now() : 5_000_100);
  });

  it('ignores an answer that took long', async ({ skip }) => {
    const storage = await openTestStorage(newUrl());
    skip(storage.dialect === 'sqlite', 'there it is the clock of the machine');
    const machine = createTestClock();
    let tookMs = 0;
    let databaseMs = 5_000_000;
    const clock = createDatabaseClock(storage, machine, async () => {
      machine.advance(tookMs);
      return databaseMs;
    });
    await clock.adjust();
    tookMs = 1_000;
    databaseMs = 9_000_000;
    await clock.adjust();
    expect(clock.now()).toBe(5_001_000);
    tookMs = 0;
    await clock.adjust();
    expect(clock.now()).toBe(9_000_000);
  });

  it('is behind rather than ahead if the first answer took long', async ({ skip }) => {
    const storage = await openTestStorage(newUrl());
    skip(storage.dialect === 'sqlite', 'there it is the clock of the machine');
    const machine = createTestClock();
    const clock = createDatabaseClock(storage, machine, async () => {
      machine.advance(5_000);
      return 5_000_000;
    });
    await clock.adjust();
    expect(clock.now()).toBe(5_000_000);
  });
});
