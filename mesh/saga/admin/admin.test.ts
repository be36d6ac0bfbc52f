import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import {
  begin,
  closeAfterEach,
  createGate,
  getsLost,
  openTestStorage,
  reaches,
  refuses,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';
import type { SagaFilter } from './admin.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function parkedAtUndoOfCharge() {
    const saga = createTestSaga();
    const storage = await openTestStorage(newUrl());
    const engine = await startEngine(storage, saga);
    saga.onCall('run ship', refuses);
    saga.onCall('undo charge', refuses);
    await begin(storage, engine, saga);
    const view = await reaches(engine, 'needs-attention');
    return { saga, storage, engine, view };
  }

  describe('a saga whose undo is refused', () => {
    it('needs attention, shows why, and reports that to its owner', async () => {
      const { saga, view } = await parkedAtUndoOfCharge();
      expect(view.steps.map(({ state }) => state)).toEqual(['done', 'stuck', 'refused', 'pending']);
      expect(view.steps[1]?.lastError).toBe('OUT_OF_LUCK: no such luck; do not try again');
      expect(view.nextAttemptTimeMs).toBeUndefined();
      expect(saga.seen.at(-1)).toMatchObject({
        at: 'needs-attention',
        step: 'charge',
        failure: { reason: 'OUT_OF_LUCK' },
      });
    });

    it('resumes at that undo when it is retried', async () => {
      const { saga, engine } = await parkedAtUndoOfCharge();
      const going = await engine.retry('saga-1', 'the account is open again');
      expect(going).toMatchObject({ state: 'compensating', notes: ['the account is open again'] });
      const view = await reaches(engine, 'compensated');
      expect(saga.calls.slice(-3)).toEqual(['undo charge', 'undo charge', 'undo reserve']);
      expect(saga.progress.slice(-3)).toEqual(['needs-attention charge', 'compensating', 'compensated']);
      expect(view.notes).toEqual(['the account is open again']);
    });

    it.each(['undone', 'skipped'] as const)('resumes after that step when it is resolved as %s', async (outcome) => {
      const { saga, engine } = await parkedAtUndoOfCharge();
      await engine.resolve('saga-1', 'charge', outcome, 'refunded by hand');
      const view = await reaches(engine, 'compensated');
      expect(saga.calls.slice(-2)).toEqual(['undo charge', 'undo reserve']);
      expect(view.notes).toEqual([`charge ${outcome}: refunded by hand`]);
    });

    it('is not changed by a resolve that names another step', async () => {
      const { engine } = await parkedAtUndoOfCharge();
      const refusal = { code: Status.FAILED_PRECONDITION, reason: 'STEP_NOT_STUCK' };
      await expect(engine.resolve('saga-1', 'reserve', 'undone', '')).rejects.toMatchObject(refusal);
      await expect(engine.resolve('saga-1', 'no-step', 'undone', '')).rejects.toMatchObject(refusal);
      expect((await engine.get({ id: 'saga-1' }))?.notes).toEqual([]);
    });

    it('is resumed by only one of two operators', async () => {
      const { saga, engine } = await parkedAtUndoOfCharge();
      const answers = await Promise.allSettled([engine.retry('saga-1', 'first'), engine.retry('saga-1', 'second')]);
      expect(answers.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      const view = await reaches(engine, 'compensated');
      expect(view.notes).toHaveLength(1);
      expect(saga.calls.filter((call) => call === 'undo charge')).toHaveLength(2);
    });
  });

  describe('a step that is refused after the pivot', () => {
    async function parkedAtDispatch() {
      const saga = createTestSaga({ steps: [{ name: 'capture', pivot: true }, { name: 'dispatch' }] });
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga);
      saga.onCall('run dispatch', refuses);
      await begin(storage, engine, saga);
      await reaches(engine, 'needs-attention');
      return { saga, storage, engine };
    }

    it('makes the saga need attention, which can no longer be cancelled and completes when it is retried', async () => {
      const { saga, storage, engine } = await parkedAtDispatch();
      expect(await storage.transaction((tx) => engine.cancel(tx, 'saga-1', { reason: 'R', message: '' }))).toBe(false);
      await engine.retry('saga-1', 'the dock is open');
      const view = await reaches(engine, 'completed');
      expect(view.failure).toBeUndefined();
      expect(saga.calls).toEqual(['run capture', 'run dispatch', 'run dispatch']);
    });

    it('can be skipped, but not resolved as undone', async () => {
      const { saga, engine } = await parkedAtDispatch();
      const undone = engine.resolve('saga-1', 'dispatch', 'undone', '');
      await expect(undone).rejects.toMatchObject({ reason: 'STEP_NOT_STUCK' });
      await engine.resolve('saga-1', 'dispatch', 'skipped', 'sent by hand');
      await reaches(engine, 'completed');
      expect(saga.calls).toEqual(['run capture', 'run dispatch']);
    });
  });

  describe('an operator', () => {
    it('gets an error for an unknown saga and for one that does not need attention', async () => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga);
      await begin(storage, engine, saga);
      await reaches(engine, 'completed');
      const notParked = { code: Status.FAILED_PRECONDITION, reason: 'SAGA_NOT_PARKED' };
      await expect(engine.retry('saga-1', '')).rejects.toMatchObject(notParked);
      await expect(engine.resolve('saga-1', 'charge', 'undone', '')).rejects.toMatchObject(notParked);
      const unknown = { code: Status.NOT_FOUND, reason: 'UNKNOWN_SAGA' };
      await expect(engine.retry('saga-2', '')).rejects.toMatchObject(unknown);
      await expect(engine.resolve('saga-2', 'charge', 'undone', '')).rejects.toMatchObject(unknown);
    });

    it('finds the failing sagas among the unfinished ones', async () => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga, { retry: { initialMs: 60_000, maxMs: 60_000 } });
      const list = (filter: SagaFilter) => Array.fromAsync(engine.list(filter, ''), ({ id }) => id);
      await begin(storage, engine, saga, 'fine');
      await reaches(engine, 'completed', 'fine');
      saga.onCall('run charge', refuses);
      await begin(storage, engine, saga, 'turned-back');
      await reaches(engine, 'compensated', 'turned-back');
      saga.onCall('run charge', getsLost);
      await begin(storage, engine, saga, 'lost');
      await eventually(async () => expect(await list({ failing: true })).toEqual(['lost']));
      const gate = createGate();
      saga.onCall('run reserve', gate.behaviour);
      await begin(storage, engine, saga, 'first-try');
      await gate.reached;
      expect(await list({ failing: true })).toEqual(['lost']);
      expect(await list({ failing: true, state: 'running' })).toEqual(['lost']);
      expect(await list({ failing: true, state: 'completed' })).toEqual([]);
      expect(await list({ state: 'running' })).toEqual(['first-try', 'lost']);
      gate.open();
    });

    it('finds sagas by id, by subject and by state, in id order, across pages', async () => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga);
      const ids = Array.from({ length: 120 }, (_, index) => `saga-${String(index).padStart(3, '0')}`);
      await Promise.all(ids.map((id) => begin(storage, engine, saga, id)));
      for (const id of ids) await reaches(engine, 'completed', id);
      const listed = await Array.fromAsync(engine.list({ state: 'completed' }, 'saga-004'), ({ id }) => id);
      expect(listed).toEqual(ids.slice(5));
      expect(await Array.fromAsync(engine.list({ state: 'running' }, ''))).toEqual([]);
      expect((await Array.fromAsync(engine.list({}, ''))).length).toBe(120);
      expect((await engine.get({ subjectId: 'saga-007' }))?.id).toBe('saga-007');
      expect(await engine.get({ subjectId: 'nobody' })).toBeUndefined();
    });
  });
});
