import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import type { RetryPolicy } from '../decide/retry-delay.ts';
import { isStuckForward } from '../decide/unpark.ts';
import type { Catalog } from '../definitions.ts';
import { sagaNotParked, stepNotBeingUndone, stepNotStuck } from '../errors.ts';
import type { SagaAdmin, SagaFilter, SagaState, SagaStepState, SagaView } from '../saga.ts';
import { selectPage, selectSaga, selectSagaOfSubject } from '../store/saga-table.ts';
import { type StoredSaga, viewOf } from '../store/stored-saga.ts';
import { changeFromOutside, type OutsideChange } from './apply-external-event.ts';

export interface AdminOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  /** Called when a parked saga is to go on. */
  readonly wake: () => void;
}

const pageSize = 100;

/** Makes what an operator can do. */
export function createSagaAdmin(options: AdminOptions): SagaAdmin {
  const { storage } = options;
  return {
    list: (filter, afterId) => list(storage, filter, afterId),
    async get(name) {
      const saga = 'id' in name ? selectSaga(storage, name.id) : selectSagaOfSubject(storage, name.subjectId);
      const found = await saga;
      return found && viewOf(found);
    },
    retry: (id, note) =>
      setGoing(options, id, (saga) => {
        requireParked(saga);
        return { event: { kind: 'retry', earlier: saga.notes.length }, note };
      }),
    resolve: (id, step, outcome, note) =>
      setGoing(options, id, (saga) => {
        requireParked(saga);
        const index = stuckStep(saga, step, outcome);
        return { event: { kind: 'resolve', step: index }, note: `${step} ${outcome}: ${note}` };
      }),
  };
}

async function* list(storage: Storage, filter: SagaFilter, afterId: string): AsyncGenerator<SagaView, void, undefined> {
  const states = statesOf(filter);
  if (states?.length === 0) return;
  let cursor: string | undefined = afterId;
  while (cursor !== undefined) {
    const page: StoredSaga[] = await selectPage(storage, states, cursor, pageSize);
    for (const saga of page) if (!filter.failing || isFailing(saga)) yield viewOf(saga);
    cursor = page.length === pageSize ? page.at(-1)?.id : undefined;
  }
}

const unfinished: readonly SagaState[] = ['running', 'compensating', 'needs-attention'];

/** The states to look through; `undefined` for any. */
function statesOf({ state, failing = false }: SagaFilter): readonly SagaState[] | undefined {
  if (!failing) return state && [state];
  return unfinished.filter((one) => state === undefined || one === state);
}

function isFailing({ record }: StoredSaga): boolean {
  return record.heldBack > 0 || record.steps.some(({ state, lastError }) => lastError !== '' && underWay.has(state));
}

const underWay: ReadonlySet<SagaStepState> = new Set(['started', 'undoing', 'stuck']);

function setGoing(options: AdminOptions, id: string, choose: (saga: StoredSaga) => OutsideChange): Promise<SagaView> {
  const { storage, catalog, retry, clock, wake } = options;
  return storage.transaction(async (tx) => {
    const saga = await changeFromOutside(tx, { catalog, retry, nowMs: clock.now() }, id, choose);
    tx.afterCommit(wake);
    return viewOf(saga);
  });
}

function requireParked({ id, record }: StoredSaga): void {
  if (record.state === 'needs-attention') return;
  throw sagaNotParked({ id, state: record.state });
}

function stuckStep({ id, record }: StoredSaga, name: string, outcome: 'undone' | 'skipped'): number {
  const index = record.steps.findIndex((step) => step.state === 'stuck');
  const stuck = record.steps[index];
  if (stuck?.name === name && !(outcome === 'undone' && isStuckForward(stuck))) return index;
  if (stuck?.name === name) throw stepNotBeingUndone({ step: name });
  throw stepNotStuck({ id, step: name, stuck: stuck?.name });
}
