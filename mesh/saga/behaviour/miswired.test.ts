import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { undecodableMessage } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { eventually } from '../../testing/eventually.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import type { SagaRecord } from '../decide/record.ts';
import { begin, closeAfterEach, openTestStorage, reaches, refuses, startEngine } from '../testing/test-engine.ts';
import { createTestSaga } from '../testing/test-saga.ts';

const answers: [string, MeshError][] = [
  ['UNIMPLEMENTED', new MeshError(Status.UNIMPLEMENTED, 'UNKNOWN_METHOD', 'there is no such method here')],
  ['UNAUTHENTICATED', new MeshError(Status.UNAUTHENTICATED, 'UNAUTHENTICATED', 'who are you')],
  ['PERMISSION_DENIED', new MeshError(Status.PERMISSION_DENIED, 'NOT_ALLOWED', 'not you')],
  ['UNDECODABLE_MESSAGE', undecodableMessage({ path: '/a.B/C' })],
];

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  async function setUp() {
    const saga = createTestSaga();
    const storage = await openTestStorage(newUrl());
    const { logger, lines } = captureLog();
    const engine = await startEngine(storage, saga, { logger });
    return { saga, storage, engine, lines };
  }

  describe('a saga whose service is not reached because the installation is wired wrongly', () => {
    it.each(answers)('waits at a step until the wiring is fixed, and completes: %s', async (_, answer) => {
      const { saga, storage, engine, lines } = await setUp();
      let isRepaired = false;
      const behaviour = async () => {
        if (!isRepaired) throw answer;
      };
      saga.onCall('run charge', ...Array(1_000).fill(behaviour));
      await begin(storage, engine, saga);
      await eventually(() => expect(saga.calls.length).toBeGreaterThan(5));
      const [failing] = await Array.fromAsync(engine.list({ failing: true }, ''));
      expect(failing?.steps[1]?.lastError).toContain(answer.message);
      isRepaired = true;
      const view = await reaches(engine, 'completed');
      expect(view.failure).toBeUndefined();
      expect(saga.calls.some((call) => call.startsWith('undo'))).toBe(false);
      const errors = lines.filter(({ level }) => level === 'error');
      expect(errors[0]).toMatchObject({ saga_id: 'saga-1', step: 'charge', reason: answer.reason });
      // Another one follows each time that the attempts have failed for longer.
      expect(errors.length).toBeLessThan(4);
    });

    it.each(answers)(
      'waits at an undo until the wiring is fixed, and does not need attention: %s',
      async (_, answer) => {
        const { saga, storage, engine, lines } = await setUp();
        const fail = async () => Promise.reject(answer);
        saga.onCall('run charge', refuses);
        saga.onCall('undo reserve', fail, fail, fail);
        await begin(storage, engine, saga);
        const view = await reaches(engine, 'compensated');
        expect(view.steps[0]).toMatchObject({ state: 'undone', undoAttempts: 4 });
        expect(saga.progress).not.toContain('needs-attention reserve');
        const errors = lines.filter(({ level }) => level === 'error');
        expect(errors[0]).toMatchObject({ step: 'reserve' });
        expect(errors.length).toBeLessThan(3);
      },
    );

    it('uses none of its time while it waits', async () => {
      const saga = createTestSaga({ timeoutMs: 300 });
      const storage = await openTestStorage(newUrl());
      const clock = createTestClock();
      const engine = await startEngine(storage, saga, { clock, retry: { initialMs: 200, maxMs: 200 } });
      const fail = async () => {
        clock.advance(50);
        throw answers[0]?.[1];
      };
      saga.onCall('run charge', ...Array(8).fill(fail));
      await begin(storage, engine, saga);
      for (let attempts = 1; attempts <= 8; attempts += 1) {
        const dueMs = await eventually(async () => {
          const view = await engine.get({ id: 'saga-1' });
          expect(view?.steps[1]?.attempts).toBe(attempts);
          expect(view?.nextAttemptTimeMs).toBeGreaterThan(clock.now());
          return view?.nextAttemptTimeMs ?? 0;
        });
        await eventually(() => expect(clock.pendingMs()).toContain(dueMs - clock.now()));
        clock.advance(dueMs - clock.now());
      }
      expect((await reaches(engine, 'completed')).steps[1]?.attempts).toBe(9);
    });
  });

  describe('a saga that needs attention because an earlier version took such an answer for a refusal', () => {
    /** Stores a record as the earlier version wrote it after an answer that there is no such method. */
    async function parkedBefore(undoAttempts = 1) {
      const { saga, storage, engine } = await setUp();
      saga.onCall('run ship', refuses);
      saga.onCall('undo charge', refuses);
      await begin(storage, engine, saga);
      await reaches(engine, 'needs-attention');
      await storage.transaction(async (tx) => {
        const [row] = await tx.query<{ record: string }>('SELECT record FROM saga');
        const { usedMs, heldBack, countsFromMs, ...before } = JSON.parse(row?.record ?? '') as SagaRecord;
        const answer = { reason: 'UNKNOWN_METHOD', message: 'there is no such method here', cancelled: false };
        const steps = before.steps.map((step) => (step.state === 'stuck' ? { ...step, undoAttempts } : step));
        const record = { ...before, steps, failure: answer, deadlineMs: 1 };
        await tx.execute('UPDATE saga SET record = $1', [JSON.stringify(record)]);
      });
      return { saga, storage, engine };
    }

    it('continues forward when it is retried, and completes', async () => {
      const { saga, engine } = await parkedBefore();
      await engine.retry('saga-1', 'wired rightly now');
      const view = await reaches(engine, 'completed');
      expect(view.failure).toBeUndefined();
      expect(view.steps.map(({ state }) => state)).toEqual(Array(4).fill('done'));
      expect(saga.calls).toEqual(['run reserve', 'run charge', 'run ship', 'undo charge', 'run ship', 'run commit']);
    });

    it('is compensated if an attempt of its undo may have had an effect', async () => {
      const { saga, engine } = await parkedBefore(2);
      await engine.retry('saga-1', 'wired rightly now');
      await reaches(engine, 'compensated');
      expect(saga.calls.slice(-2)).toEqual(['undo charge', 'undo reserve']);
    });
  });

  it('logs one line for many sagas with one fault, then one at growing intervals with the number of others', async () => {
    const saga = createTestSaga();
    const storage = await openTestStorage(newUrl());
    const { logger, lines } = captureLog();
    const clock = createTestClock();
    const engine = await startEngine(storage, saga, { logger, clock, retry: { initialMs: 600_000, maxMs: 600_000 } });
    const fail = async () => Promise.reject(answers[0]?.[1]);
    const errors = () => lines.filter(({ level }) => level === 'error');
    saga.onCall('run reserve', ...Array(30).fill(fail));
    const failed = async (count: number) =>
      eventually(async () => expect(await Array.fromAsync(engine.list({ failing: true }, ''))).toHaveLength(count));
    for (let index = 0; index < 20; index += 1) await begin(storage, engine, saga, `saga-${index}`);
    await failed(20);
    expect(errors()).toHaveLength(1);
    clock.advance(1_000);
    for (let index = 20; index < 30; index += 1) await begin(storage, engine, saga, `saga-${index}`);
    await failed(30);
    expect(errors()).toHaveLength(2);
    expect(errors()[1]).toMatchObject({ left_out: 19 });
  });
});
