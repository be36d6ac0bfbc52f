import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { changeStatements } from '../../testing/change-statements.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { begin, closeAfterEach, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';
import { createTestSaga, type TestSaga } from '../testing/test-saga.ts';

const slots = 5;

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  /** Makes the owner reject the progress of `charge` for sagas that begin with `bad`, until that is fixed. */
  function createSpoilt() {
    const saga = createTestSaga();
    const spoilt = { isRepaired: false, reports: 0 };
    const { report } = saga.definition;
    const definition: TestSaga['definition'] = {
      ...saga.definition,
      async report(tx, progress) {
        const isBad = !spoilt.isRepaired && progress.sagaId.startsWith('bad') && progress.at === 'step-done';
        if (isBad && progress.step === 'charge') {
          spoilt.reports += 1;
          throw new TypeError('the owner does not know this order');
        }
        await report(tx, progress);
      },
    };
    return { saga: { ...saga, definition }, spoilt };
  }

  const bad = Array.from({ length: 2 * slots }, (_, index) => `bad-${index}`);

  describe('a saga whose owner keeps rejecting its progress', () => {
    it('releases its slot, so others complete no matter how many there are, and completes once that is fixed', async () => {
      const { saga, spoilt } = createSpoilt();
      const storage = await openTestStorage(newUrl());
      const { logger, lines } = captureLog();
      const retry = { initialMs: 5, maxMs: 200 };
      const engine = await startEngine(storage, saga, { maxConcurrent: slots, logger, retry });
      for (const id of bad) await begin(storage, engine, saga, id);
      await eventually(() => expect(spoilt.reports).toBeGreaterThan(2 * bad.length));
      for (const id of ['good-1', 'good-2']) await begin(storage, engine, saga, id);
      for (const id of ['good-1', 'good-2']) await reaches(engine, 'completed', id);
      await eventually(async () => {
        const failing = await Array.fromAsync(engine.list({ failing: true }, ''));
        expect(failing.map(({ id }) => id)).toEqual(bad.toSorted());
        expect(failing[0]?.steps[1]?.lastError).toContain('the owner does not know this order');
      });
      const errors = lines.filter(({ level }) => level === 'error');
      expect(errors[0]).toMatchObject({ saga: 'test', saga_id: expect.stringContaining('bad-') });
      expect(errors.length).toBeLessThan(bad.length);
      spoilt.isRepaired = true;
      for (const id of bad) {
        const view = await reaches(engine, 'completed', id);
        expect(view.steps.map(({ lastError }) => lastError)).toEqual(['', '', '', '']);
      }
      expect(await Array.fromAsync(engine.list({ failing: true }, ''))).toEqual([]);
    });

    it('waits longer each time, and uses none of its time', async () => {
      const { saga, spoilt } = createSpoilt();
      const limited = { ...saga, definition: { ...saga.definition, timeoutMs: 200 } };
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, limited, { retry: { initialMs: 10, maxMs: 10_000 } });
      await begin(storage, engine, limited, 'bad');
      const waits: number[] = [];
      await eventually(async () => {
        const view = await engine.get({ id: 'bad' });
        const waitMs = (view?.nextAttemptTimeMs ?? 0) - (view?.updateTimeMs ?? 0);
        if (view?.steps[1]?.lastError && waitMs > 0 && waits.at(-1) !== waitMs) waits.push(waitMs);
        expect(waits.at(-1)).toBeGreaterThan(200);
      });
      expect(waits).toEqual(waits.toSorted((a, b) => a - b));
      expect((await engine.get({ id: 'bad' }))?.state).toBe('running');
      spoilt.isRepaired = true;
      await reaches(engine, 'completed', 'bad');
    });
  });

  it('releases the slot of a saga that cannot even be marked as waiting, and keeps the outcome of its step', async () => {
    const storage = await openTestStorage(newUrl());
    const saga = createTestSaga();
    let isAway = false;
    const failing = changeStatements(storage, (sql, params) => {
      if (isAway && params.includes('bad')) {
        throw new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the page cannot be written');
      }
      return sql;
    });
    const engine = await startEngine(failing, saga, { maxConcurrent: 1 });
    saga.onCall('run charge', async () => {
      isAway = true;
    });
    await begin(storage, engine, saga, 'bad');
    await eventually(() => expect(isAway).toBe(true));
    await begin(storage, engine, saga, 'good');
    await reaches(engine, 'completed', 'good');
    isAway = false;
    await reaches(engine, 'completed', 'bad');
    expect(saga.calls.filter((call) => call === 'run charge')).toHaveLength(2);
  });
});
