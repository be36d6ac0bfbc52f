import { describe, expect, it } from 'vitest';
import { uuidv7 } from '../../ids/ids.ts';
import { currentScope, runInScope } from '../../telemetry/call-scope.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { saga } from '../saga.ts';
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

const failure = { reason: 'CHANGED_MIND', message: 'the user wants it no more' };

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function setUp(saga = createTestSaga()) {
    const storage = await openTestStorage(newUrl());
    const engine = await startEngine(storage, saga);
    return { saga, storage, engine };
  }

  describe('a saga', () => {
    it('runs its steps in order, each with what earlier ones kept', async () => {
      const { saga, storage, engine } = await setUp();
      await begin(storage, engine, saga);
      const view = await reaches(engine, 'completed');
      expect(saga.calls).toEqual(['run reserve', 'run charge', 'run ship', 'run commit']);
      expect(saga.progress).toEqual([
        'step-done reserve',
        'step-done charge',
        'step-done ship',
        'step-done commit',
        'completed',
      ]);
      expect(saga.seen.at(-1)?.data).toEqual({ total: 9_007_199_254_740_993n, trail: '/reserve/charge/ship/commit' });
      expect(view.steps.map(({ state, attempts }) => [state, attempts])).toEqual(Array(4).fill(['done', 1]));
    });

    it('does not run when the transaction that begins it is rolled back', async () => {
      const { saga, storage, engine } = await setUp();
      const data = { total: 1n, trail: '' };
      const work = storage.transaction(async (tx) => {
        await engine.begin(tx, saga.definition, { id: 'dropped', data });
        throw new Error('the order is refused');
      });
      await expect(work).rejects.toThrow('the order is refused');
      await begin(storage, engine, saga, 'kept');
      await reaches(engine, 'completed', 'kept');
      expect(await engine.get({ id: 'dropped' })).toBeUndefined();
      expect(new Set(saga.contexts.map(({ sagaId }) => sagaId))).toEqual(new Set(['kept']));
    });

    it.each([
      ['reserve', []],
      ['charge', ['undo reserve']],
      ['ship', ['undo charge', 'undo reserve']],
      ['commit', ['undo ship', 'undo charge', 'undo reserve']],
    ])('compensates when %s is refused, and undoes in reverse only what was done', async (step, undos) => {
      const { saga, storage, engine } = await setUp();
      saga.onCall(`run ${step}`, refuses);
      await begin(storage, engine, saga);
      const view = await reaches(engine, 'compensated');
      expect(saga.calls.filter((call) => call.startsWith('undo'))).toEqual(undos);
      expect(saga.progress.slice(-2)).toEqual(['compensating', 'compensated']);
      expect(view.failure).toEqual({
        reason: 'OUT_OF_LUCK',
        message: 'no such luck; do not try again',
        cancelled: false,
      });
    });

    it('retries a step with an unknown outcome with the same request id until the answer is definite', async () => {
      const { saga, storage, engine } = await setUp();
      saga.onCall('run charge', getsLost, async () => {
        throw new TypeError('not even an answer');
      });
      await begin(storage, engine, saga);
      const view = await reaches(engine, 'completed');
      expect(view.steps.map(({ attempts }) => attempts)).toEqual([1, 3, 1, 1]);
      expect(saga.calls.filter((call) => call === 'run charge')).toHaveLength(3);
      expect(new Set(saga.contexts.map(({ requestId }) => requestId)).size).toBe(4);
    });

    it('has request ids with the time of its saga if it is defined so, the same for each attempt', async () => {
      const saga = createTestSaga();
      const definition = { ...saga.definition, requestIds: 'by-time' } as const;
      saga.onCall('run charge', getsLost);
      saga.onCall('run ship', refuses);
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, { definition });
      const id = uuidv7();
      await begin(storage, engine, { ...saga, definition }, id);
      await reaches(engine, 'compensated', id);
      const ids = saga.contexts.map(({ requestId }) => requestId);
      expect(ids[1]).toBe(ids[2]);
      expect(new Set(ids).size).toBe(5);
      expect(new Set(ids.map((requestId) => requestId.slice(0, 15)))).toEqual(new Set([`${id.slice(0, 14)}8`]));
    });

    it('undoes a refused step as well if an earlier attempt may still arrive', async () => {
      const { saga, storage, engine } = await setUp();
      saga.onCall('run charge', getsLost, refuses);
      await begin(storage, engine, saga);
      await reaches(engine, 'compensated');
      expect(saga.calls.slice(-2)).toEqual(['undo charge', 'undo reserve']);
    });

    it('undoes the steps before the pivot if the pivot is refused', async () => {
      const { saga, storage, engine } = await setUp();
      saga.onCall('run commit', refuses);
      await begin(storage, engine, saga);
      await reaches(engine, 'compensated');
      expect(saga.calls.slice(-4)).toEqual(['run commit', 'undo ship', 'undo charge', 'undo reserve']);
    });

    it('retries an undo until the answer is definite', async () => {
      const { saga, storage, engine } = await setUp();
      saga.onCall('run charge', refuses);
      saga.onCall('undo reserve', getsLost, getsLost);
      await begin(storage, engine, saga);
      const view = await reaches(engine, 'compensated');
      expect(view.steps[0]).toMatchObject({ state: 'undone', undoAttempts: 3 });
    });

    it('keeps nothing of what an undo returns', async () => {
      const storage = await openTestStorage(newUrl());
      const definition = saga<{ readonly trail: string }>('test', 1)
        .step('charge', { run: async () => undefined, undo: async () => ({ trail: 'refunded' }) })
        .step('ship', { run: refuses });
      const reported: string[] = [];
      const reporting = definition.onProgress(async (_tx, { data }) => void reported.push(data.trail));
      const engine = await startEngine(storage, { definition: reporting });
      await storage.transaction((tx) => engine.begin(tx, reporting, { id: 'saga-1', data: { trail: 'begun' } }));
      await reaches(engine, 'compensated');
      expect(new Set(reported)).toEqual(new Set(['begun']));
    });

    it('writes nothing and reports again while its owner rejects the progress', async () => {
      const { saga, storage, engine } = await setUp();
      let reports = 0;
      saga.beforeProgress = ({ at }) => {
        if (at === 'completed' && ++reports < 3) throw new Error('the owner is busy');
      };
      await begin(storage, engine, saga);
      await reaches(engine, 'completed');
      expect(reports).toBe(3);
      expect(saga.calls.filter((call) => call === 'run commit')).toHaveLength(1);
    });

    it('gives its steps their request id, its trace and their time limit', async () => {
      const { saga, storage, engine } = await setUp();
      const scopes: ReturnType<typeof currentScope>[] = [];
      saga.onCall('run reserve', async () => void scopes.push(currentScope()));
      const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
      const caller = { requestId: 'caller', traceparent, deadlineMs: undefined, signal: undefined };
      await runInScope(caller, () => begin(storage, engine, saga));
      await reaches(engine, 'completed');
      expect(scopes).toMatchObject([
        { traceparent, requestId: saga.contexts[0]?.requestId, deadlineMs: expect.any(Number) },
      ]);
    });
  });

  describe('a cancel', () => {
    it.each([
      ['reserve', ['undo reserve']],
      ['charge', ['undo charge', 'undo reserve']],
      ['ship', ['undo ship', 'undo charge', 'undo reserve']],
    ])('awaits %s if it is in progress, and then compensates', async (step, undos) => {
      const { saga, storage, engine } = await setUp();
      const gate = createGate();
      saga.onCall(`run ${step}`, gate.behaviour);
      await begin(storage, engine, saga);
      await gate.reached;
      expect(await storage.transaction((tx) => engine.cancel(tx, 'saga-1', failure))).toBe(true);
      expect(saga.calls.at(-1)).toBe(`run ${step}`);
      gate.open();
      const view = await reaches(engine, 'compensated');
      expect(view.failure).toEqual({ ...failure, cancelled: true });
      expect(saga.calls.filter((call) => call.startsWith('undo'))).toEqual(undos);
      expect(saga.progress).toContain(`step-done ${step}`);
    });

    it('is too late once the pivot has started or the saga has ended', async () => {
      const { saga, storage, engine } = await setUp();
      const gate = createGate();
      saga.onCall('run commit', gate.behaviour);
      await begin(storage, engine, saga);
      await gate.reached;
      expect(await storage.transaction((tx) => engine.cancel(tx, 'saga-1', failure))).toBe(false);
      gate.open();
      await reaches(engine, 'completed');
      expect(await storage.transaction((tx) => engine.cancel(tx, 'saga-1', failure))).toBe(false);
    });

    it('makes a saga that waits for its next attempt compensate immediately, and undoes that step', async () => {
      const saga = createTestSaga();
      const storage = await openTestStorage(newUrl());
      const engine = await startEngine(storage, saga, { retry: { initialMs: 600_000, maxMs: 600_000 } });
      saga.onCall('run charge', getsLost);
      await begin(storage, engine, saga);
      // A saga that waits for its first slot has a time of the next attempt as well.
      await eventually(async () => {
        const view = await engine.get({ id: 'saga-1' });
        expect(view?.steps[1]?.lastError).toContain('PEER_GONE');
        expect(view?.nextAttemptTimeMs).toBeDefined();
      });
      await storage.transaction((tx) => engine.cancel(tx, 'saga-1', failure));
      await reaches(engine, 'compensated');
      expect(saga.calls).toEqual(['run reserve', 'run charge', 'undo charge', 'undo reserve']);
    });

    it('does nothing if its transaction is rolled back', async () => {
      const { saga, storage, engine } = await setUp();
      const gate = createGate();
      saga.onCall('run charge', gate.behaviour);
      await begin(storage, engine, saga);
      await gate.reached;
      const work = storage.transaction(async (tx) => {
        await engine.cancel(tx, 'saga-1', failure);
        throw new Error('not allowed');
      });
      await expect(work).rejects.toThrow('not allowed');
      gate.open();
      await reaches(engine, 'completed');
    });

    it('is accepted again while the saga compensates, and changes nothing', async () => {
      const { saga, storage, engine } = await setUp();
      const gate = createGate();
      saga.onCall('run charge', refuses);
      saga.onCall('undo reserve', gate.behaviour);
      await begin(storage, engine, saga);
      await gate.reached;
      expect(await storage.transaction((tx) => engine.cancel(tx, 'saga-1', failure))).toBe(true);
      gate.open();
      expect((await reaches(engine, 'compensated')).failure?.reason).toBe('OUT_OF_LUCK');
    });
  });
});
