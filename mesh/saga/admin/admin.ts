import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import { readPages } from '../../storage/read-pages.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Clock } from '../../time/clock.ts';
import type { SagaState, SagaStepState, SagaStepView } from '../decide/record.ts';
import type { RetryPolicy } from '../decide/retry-delay.ts';
import { isStuckForward } from '../decide/stuck.ts';
import type { Definitions } from '../definitions.ts';
import { sagaNotParked, stepNotBeingUndone, stepNotStuck } from '../errors.ts';
import type { SagaFailure } from '../saga.ts';
import { countByState, type SagaCount } from '../store/counts.ts';
import { type StoredSaga, selectPage, selectSaga, selectSagaOfSubject } from '../store/saga-table.ts';
import { applyExternalEvent, type ExternalChange } from './apply-external-event.ts';

/** The current state of a saga, for people. Times are in milliseconds since the epoch. */
export interface SagaView {
  readonly id: string;
  readonly name: string;
  readonly definitionVersion: number;
  readonly subjectId: string;
  readonly state: SagaState;
  readonly steps: readonly SagaStepView[];
  readonly failure: SagaFailure | undefined;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
  readonly nextAttemptTimeMs: number | undefined;
  readonly notes: readonly string[];
}

export interface SagaFilter {
  /** Default: any. */
  readonly state?: SagaState;
  /** Only unfinished sagas whose current step, or its undo, failed in its last attempt. Default: false. */
  readonly failing?: boolean;
}

/** What an operator can do with sagas. */
export interface SagaAdmin {
  /** Yields sagas in id order, after `afterId`. */
  list(filter: SagaFilter, afterId: string): AsyncIterable<SagaView>;
  get(name: { readonly id: string } | { readonly subjectId: string }): Promise<SagaView | undefined>;
  /** Counts the sagas that have not ended, by name and state. */
  countUnfinished(): Promise<SagaCount[]>;
  /** Resumes a saga that needs attention. Throws NOT_FOUND `UNKNOWN_SAGA`, FAILED_PRECONDITION `SAGA_NOT_PARKED`. */
  retry(id: string, note: string): Promise<SagaView>;
  /**
   * Records how the stuck undo of `step` ended, and resumes; `skipped` also passes over a step that was refused after the
   * pivot. Throws as `retry` does, and FAILED_PRECONDITION `STEP_NOT_STUCK` if the saga stopped elsewhere.
   */
  resolve(id: string, step: string, outcome: 'undone' | 'skipped', note: string): Promise<SagaView>;
}

export interface AdminOptions {
  readonly storage: Storage;
  readonly definitions: Definitions;
  readonly retry: RetryPolicy;
  readonly clock: Clock;
  readonly aging: AgingClock;
  /** Called when a saga can continue. */
  readonly wake: () => void;
}

export function createSagaAdmin(options: AdminOptions): SagaAdmin {
  const { storage } = options;
  return {
    list: (filter, afterId) => list(storage, filter, afterId),
    async get(name) {
      const saga = 'id' in name ? selectSaga(storage, name.id) : selectSagaOfSubject(storage, name.subjectId);
      const found = await saga;
      return found && viewOf(found);
    },
    countUnfinished: () => countByState(storage),
    retry: (id, note) =>
      resume(options, id, (saga) => {
        requireParked(saga);
        return { event: { kind: 'retry', earlier: saga.notes.length }, note };
      }),
    resolve: (id, step, outcome, note) =>
      resume(options, id, (saga) => {
        requireParked(saga);
        const index = stuckStep(saga, step, outcome);
        return { event: { kind: 'resolve', step: index }, note: `${step} ${outcome}: ${note}` };
      }),
  };
}

async function* list(storage: Storage, filter: SagaFilter, afterId: string): AsyncGenerator<SagaView, void, undefined> {
  const states = statesOf(filter);
  if (states?.length === 0) return;
  const sagas = readPages({
    after: afterId,
    pageSize: 100,
    fetch: (after, size) => selectPage(storage, states, after, size),
    cursorOf: ({ id }) => id,
  });
  for await (const saga of sagas) if (!filter.failing || isFailing(saga)) yield viewOf(saga);
}

const unfinished: readonly SagaState[] = ['running', 'compensating', 'needs-attention'];

/** The states to search; undefined for any. */
function statesOf({ state, failing = false }: SagaFilter): readonly SagaState[] | undefined {
  if (!failing) return state && [state];
  return unfinished.filter((one) => state === undefined || one === state);
}

function isFailing({ record }: StoredSaga): boolean {
  return record.heldBack > 0 || record.steps.some(({ state, lastError }) => lastError !== '' && inProgress.has(state));
}

const inProgress: ReadonlySet<SagaStepState> = new Set(['started', 'undoing', 'stuck']);

function resume(options: AdminOptions, id: string, choose: (saga: StoredSaga) => ExternalChange): Promise<SagaView> {
  const { storage, definitions, retry, clock, aging, wake } = options;
  return storage.transaction(async (tx) => {
    const saga = await applyExternalEvent(
      tx,
      { definitions, retry, nowMs: clock.now(), agedMs: aging.nowMs() },
      id,
      choose,
    );
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

export function viewOf(saga: StoredSaga): SagaView {
  const { record } = saga;
  return {
    id: saga.id,
    name: saga.name,
    definitionVersion: saga.definitionVersion,
    subjectId: saga.subjectId,
    state: record.state,
    steps: record.steps,
    failure: record.failure,
    createTimeMs: saga.createTimeMs,
    updateTimeMs: saga.updateTimeMs,
    nextAttemptTimeMs: record.waitUntilMs,
    notes: saga.notes,
  };
}
