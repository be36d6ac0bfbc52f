import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { assumedPerSecond } from '../drive/rate-meter.ts';
import { begin, closeAfterEach, createGate, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  it('does not lower the limit when sagas finish one after another while slots are free', async () => {
    const clock = createTestClock();
    const saga = createTestSaga({ steps: [{ name: 'only' }] });
    const storage = await openTestStorage(newUrl());
    const engine = await startEngine(storage, saga, { clock, maxBacklogMs: 1_000 });
    for (const round of ['a', 'b', 'c']) {
      const gates = Array.from({ length: 5 }, createGate);
      saga.onCall('run only', ...gates.map(({ behaviour }) => behaviour));
      for (const index of gates.keys()) await begin(storage, engine, saga, `${round}-${index}`);
      await Promise.all(gates.map(({ reached }) => reached));
      for (const [index, gate] of gates.entries()) {
        clock.advance(400);
        gate.open();
        const id = saga.contexts.at(index - gates.length)?.sagaId ?? expect.fail('the saga was not called');
        await reaches(engine, 'completed', id);
      }
      clock.advance(1_100);
    }
    await eventually(async () => expect(await engine.backlog()).toMatchObject({ unfinished: 0 }));
    expect((await engine.backlog()).limit).toBe(assumedPerSecond);
  });
});
