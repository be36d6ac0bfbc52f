import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { MeshError } from '../../errors/mesh-error.ts';
import type { SagaStepView } from '../decide/record.ts';
import type { SagaAdmin, SagaView } from './admin.ts';
import { sagaDeadLetters } from './dead-letters.ts';

describe('the dead letters of sagas', () => {
  it('are the sagas that need attention, with the step at which they stopped', async () => {
    const running = sagaOf('a', { state: 'running' });
    const undoing = sagaOf('b', { steps: [stepOf('reserve'), stepOf('charge', { state: 'stuck', undoAttempts: 3 })] });
    const forward = sagaOf('c', { name: 'other', steps: [stepOf('commit', { state: 'stuck', attempts: 2 })] });
    const queue = sagaDeadLetters(adminOf(running, undoing, forward));
    expect(await Array.fromAsync(queue.list({}, ''))).toMatchObject([
      {
        id: 'b',
        source: 'saga',
        origin: 'place-order',
        reason: 'UNDO_REFUSED',
        error: 'undoing charge: no',
        attempts: 3,
      },
      { id: 'c', source: 'saga', origin: 'other', reason: 'STEP_REFUSED', error: 'commit: no', attempts: 2 },
    ]);
    expect(await queue.get('a')).toBeUndefined();
    expect(await queue.get('b')).toMatchObject({ subjectId: 'order-of-b', firstTimeMs: 1, lastTimeMs: 2 });
  });

  it('are listed by filter, after an id', async () => {
    const queue = sagaDeadLetters(adminOf(sagaOf('a', {}), sagaOf('b', { name: 'other' }), sagaOf('c', {})));
    const idsOf = async (...args: Parameters<typeof queue.list>) =>
      (await Array.fromAsync(queue.list(...args))).map((deadLetter) => deadLetter.id);
    expect(await idsOf({ source: 'saga' }, 'a')).toEqual(['b', 'c']);
    expect(await idsOf({ origin: 'other' }, '')).toEqual(['b']);
    expect(await idsOf({ reason: 'STEP_REFUSED' }, '')).toEqual([]);
    expect(await idsOf({ source: 'task' }, '')).toEqual([]);
  });

  it('are redriven by a retry, and include only sagas that need attention', async () => {
    const queue = sagaDeadLetters(adminOf(sagaOf('a', {}), sagaOf('b', { state: 'completed' })));
    expect(await queue.redrive('a')).toBe(true);
    expect(await queue.redrive('b')).toBe(false);
    expect(await queue.redrive('none')).toBe(false);
  });

  it('report why a retry is refused', async () => {
    const unavailable = new MeshError(Status.UNAVAILABLE, 'STORAGE_UNAVAILABLE', 'the database is away');
    const admin: SagaAdmin = { ...adminOf(sagaOf('a', {})), retry: () => Promise.reject(unavailable) };
    await expect(sagaDeadLetters(admin).redrive('a')).rejects.toBe(unavailable);
  });

  it('are counted by the name of their saga', async () => {
    const queue = sagaDeadLetters(adminOf(sagaOf('a', {}), sagaOf('b', { state: 'running' })));
    expect(await queue.count()).toEqual([{ source: 'saga', origin: 'place-order', count: 1, oldestTimeMs: 2 }]);
  });

  it('cannot be discarded', async () => {
    const queue = sagaDeadLetters(adminOf(sagaOf('a', {}), sagaOf('b', { state: 'running' })));
    const refused = { code: Status.FAILED_PRECONDITION, reason: 'SAGA_NEEDS_RESOLVE' };
    await expect(queue.discard('a', 'away with it')).rejects.toMatchObject(refused);
    expect(await queue.discard('b', 'away with it')).toBe(false);
  });
});

function adminOf(...sagas: SagaView[]): SagaAdmin {
  const find = (id: string) => sagas.find((saga) => saga.id === id);
  return {
    async *list({ state }, afterId) {
      yield* sagas.filter((saga) => saga.id > afterId && (state === undefined || saga.state === state));
    },
    get: async (name) => ('id' in name ? find(name.id) : undefined),
    async countUnfinished() {
      const parked = sagas.filter(({ state }) => state === 'needs-attention').length;
      return [
        { name: 'place-order', state: 'running', count: 7, oldestTimeMs: 1 },
        { name: 'place-order', state: 'needs-attention', count: parked, oldestTimeMs: 2 },
      ];
    },
    async retry(id) {
      const saga = find(id);
      if (!saga) throw new MeshError(Status.NOT_FOUND, 'UNKNOWN_SAGA', `there is no saga ${id}`);
      if (saga.state === 'needs-attention') return saga;
      throw new MeshError(Status.FAILED_PRECONDITION, 'SAGA_NOT_PARKED', `the saga ${id} is ${saga.state}`);
    },
    resolve: () => Promise.reject(new Error('not asked for here')),
  };
}

function sagaOf(id: string, saga: Partial<SagaView>): SagaView {
  return {
    id,
    name: 'place-order',
    definitionVersion: 1,
    subjectId: `order-of-${id}`,
    state: 'needs-attention',
    steps: [stepOf('charge', { state: 'stuck', undoAttempts: 1 })],
    failure: undefined,
    createTimeMs: 1,
    updateTimeMs: 2,
    nextAttemptTimeMs: undefined,
    notes: [],
    ...saga,
  };
}

function stepOf(name: string, step: Partial<SagaStepView> = {}): SagaStepView {
  const times = { startTimeMs: 1, endTimeMs: 2, undoStartTimeMs: undefined, undoEndTimeMs: undefined };
  return { name, state: 'done', attempts: 1, lastError: 'no', undoAttempts: 0, ...times, ...step };
}
