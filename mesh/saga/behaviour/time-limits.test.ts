import { beforeEach, describe, expect, it } from 'vitest';
import { captureLog } from '../../testing/captured-log.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { SagaView } from '../admin/admin.ts';
import { undoPatienceMs } from '../decide/running-time.ts';
import type { SagaEngine } from '../engine.ts';
import {
  begin,
  closeAfterEach,
  getsLost,
  openTestFolder,
  openTestStorage,
  reaches,
  refuses,
  startEngine,
} from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

describe('the time limit of a saga', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await openTestFolder();
  });
  closeAfterEach();

  async function setUp(saga = createTestSaga()) {
    const clock = createTestClock();
    const storage = await openTestStorage(`sqlite:${folder}/saga.db`);
    const { logger, lines } = captureLog();
    const engine = await startEngine(storage, saga, { clock, logger, retry: { initialMs: 200, maxMs: 300_000 } });
    return { saga, clock, storage, engine, lines };
  }

  function attempted(
    engine: SagaEngine,
    attempts: (view: SagaView) => number | undefined,
    count: number,
  ): Promise<number> {
    return eventually(async () => {
      const view = await engine.get({ id: 'saga-1' });
      expect(view && attempts(view)).toBe(count);
      expect(view?.nextAttemptTimeMs).toBeDefined();
      return view?.nextAttemptTimeMs ?? 0;
    });
  }

  const hangs = () => new Promise<void>(() => undefined);

  it('limits each attempt of a step, even if the step ignores its signal', async () => {
    const { saga, clock, storage, engine } = await setUp();
    saga.onCall('run charge', hangs);
    await begin(storage, engine, saga);
    await eventually(() => expect(saga.calls).toContain('run charge'));
    clock.advance(9_999);
    expect(saga.contexts.at(-1)?.signal.aborted).toBe(false);
    clock.advance(1);
    expect(saga.contexts.at(-1)?.signal.reason).toMatchObject({ reason: 'STEP_TIMED_OUT' });
    await attempted(engine, (view) => view.steps[1]?.attempts, 1);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
    clock.advance(1_000);
    await reaches(engine, 'completed');
  });

  it('doubles the delays between attempts, ±20 %', async () => {
    const { saga, clock, storage, engine } = await setUp();
    saga.onCall('run charge', getsLost, getsLost, getsLost, getsLost);
    await begin(storage, engine, saga);
    for (const [attempt, waitMs] of [200, 400, 800, 1_600].entries()) {
      const dueMs = await attempted(engine, (view) => view.steps[1]?.attempts, attempt + 1);
      expect(Math.abs(dueMs - clock.now() - waitMs)).toBeLessThanOrEqual(0.2 * waitMs);
      await eventually(() => expect(clock.pendingMs()).toEqual([dueMs - clock.now()]));
      clock.advance(dueMs - clock.now());
    }
    await reaches(engine, 'completed');
  });

  it('makes it compensate when it is up, and undoes the step whose outcome is unknown', async () => {
    const { saga, clock, storage, engine, lines } = await setUp(createTestSaga({ timeoutMs: 300 }));
    saga.onCall('run charge', getsLost, getsLost);
    await begin(storage, engine, saga);
    for (const attempt of [1, 2]) {
      const dueMs = await attempted(engine, (view) => view.steps[1]?.attempts, attempt);
      await eventually(() => expect(clock.pendingMs()).toEqual([dueMs - clock.now()]));
      clock.advance(dueMs - clock.now());
    }
    const view = await reaches(engine, 'compensated');
    expect(view.failure).toMatchObject({ reason: 'SAGA_TIMED_OUT', cancelled: false });
    expect(saga.calls.slice(-4)).toEqual(['run charge', 'run charge', 'undo charge', 'undo reserve']);
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([{ failure: { reason: 'SAGA_TIMED_OUT' } }]);
  });

  it('is logged as an error when it is up, even if there is nothing to undo', async () => {
    const saga = createTestSaga({ timeoutMs: 300 });
    const steps = saga.definition.steps.map(({ name, run }) => ({ name, run }));
    const { clock, storage, engine, lines } = await setUp({ ...saga, definition: { ...saga.definition, steps } });
    saga.onCall('run reserve', getsLost, getsLost);
    await begin(storage, engine, saga);
    for (const attempt of [1, 2]) {
      const dueMs = await attempted(engine, (view) => view.steps[0]?.attempts, attempt);
      await eventually(() => expect(clock.pendingMs()).toEqual([dueMs - clock.now()]));
      clock.advance(dueMs - clock.now());
    }
    await reaches(engine, 'compensated');
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([{ failure: { reason: 'SAGA_TIMED_OUT' } }]);
  });

  it('no longer matters once the pivot has started', async () => {
    const { saga, clock, storage, engine } = await setUp(createTestSaga({ timeoutMs: 300 }));
    saga.onCall('run commit', getsLost);
    await begin(storage, engine, saga);
    await attempted(engine, (view) => view.steps[3]?.attempts, 1);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
    clock.advance(3_600_000);
    await reaches(engine, 'completed');
  });

  it('makes a saga need attention whose undo had no definite answer for 24 hours', async () => {
    const { saga, clock, storage, engine } = await setUp();
    saga.onCall('run charge', refuses);
    saga.onCall('undo reserve', getsLost, getsLost);
    await begin(storage, engine, saga);
    await attempted(engine, (view) => view.steps[0]?.undoAttempts, 1);
    await eventually(() => expect(clock.pendingMs()).toHaveLength(1));
    clock.advance(undoPatienceMs);
    const view = await reaches(engine, 'needs-attention');
    expect(view.steps[0]).toMatchObject({ state: 'stuck', lastError: 'PEER_GONE: the peer went away; try again' });
    await engine.retry('saga-1', 'the peer is back');
    await reaches(engine, 'compensated');
  });

  it('does not delay an engine that stops while progress cannot be written', async () => {
    const { saga, storage, engine } = await setUp();
    const stopped = Promise.withResolvers<void>();
    saga.beforeProgress = () => {
      stopped.resolve(engine.stop(0));
      throw new Error('cannot take the news');
    };
    await begin(storage, engine, saga);
    await stopped.promise;
    expect(await engine.get({ id: 'saga-1' })).toMatchObject({
      state: 'running',
      steps: [{ state: 'started' }, {}, {}, {}],
    });
  });

  it('causes no queries while nothing is due', async () => {
    const { saga, clock, storage, engine } = await setUp();
    await begin(storage, engine, saga);
    await reaches(engine, 'completed');
    await eventually(() => expect(clock.pendingMs()).toEqual([]));
  });
});
