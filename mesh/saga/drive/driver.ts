import { setMaxListeners } from 'node:events';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../time/clock.ts';
import { isCall, type SagaCommand, type StepCall } from '../decide/decision.ts';
import { definitionChange } from '../definition-change.ts';
import type { Catalog } from '../definitions.ts';
import type { AnyDefinition } from '../saga.ts';
import type { StoredSaga } from '../store/stored-saga.ts';
import { callStep, type StepOutcome } from './call-step.ts';
import type { Recorded, Recorder, SagaInput, Unrecorded } from './save-progress.ts';

/**
 * A saga whose lease is held here, with what is to be done next: `commands`, or what is still to be recorded; without
 * either it has to be found out first.
 */
export interface HeldSaga {
  readonly saga: StoredSaga;
  readonly commands?: readonly SagaCommand[];
  readonly unrecorded?: Unrecorded;
  /** How many times in a row it could not be driven. */
  readonly failures?: number;
}

/**
 * How a drive ended: look for due sagas at a time, look for nothing, or, with the lease still held, drive it again after a
 * while.
 */
export type DriveEnd =
  | { readonly kind: 'due'; readonly timeMs: number }
  | { readonly kind: 'over'; readonly finished: boolean }
  | { readonly kind: 'again'; readonly held: HeldSaga; readonly delayMs: number };

/** Takes one saga as far as it goes. */
export interface Driver {
  /** Runs steps, or undoes them, until the saga has ended, waits, is parked or is driven by somebody else. */
  drive(held: HeldSaga): Promise<DriveEnd>;
  /** Begins no more steps. */
  drain(): void;
  /** Aborts the steps under way; what becomes of them is not recorded any more. */
  abort(): void;
}

/** Makes the driver of an engine. */
export function createDriver({
  catalog,
  recorder,
  clock,
  callClock,
}: {
  readonly catalog: Catalog;
  readonly recorder: Recorder;
  /** When sagas are due. */
  readonly clock: Clock;
  /** The deadlines of calls, which go by the clock of this machine. */
  readonly callClock: Clock;
}): Driver {
  const stop = new AbortController();
  const stopped = stop.signal;
  setMaxListeners(0, stopped);
  let draining = false;

  function first(definition: AnyDefinition, held: HeldSaga): Promise<Recorded | Unrecorded | undefined> {
    const { saga, commands, unrecorded } = held;
    if (commands) return Promise.resolve({ saga, commands });
    const change = definitionChange(definition, saga.record);
    if (change) return recorder.holdBack(definition, saga, change);
    const input: SagaInput = unrecorded?.input ?? { event: { kind: 'resumed' } };
    return recorder.record(definition, saga, input, stopped, unrecorded?.failures ?? 0);
  }

  async function go(definition: AnyDefinition, held: HeldSaga): Promise<DriveEnd> {
    let current = await first(definition, held);
    let { saga } = held;
    while (current) {
      if ('input' in current) return { kind: 'again', held: { saga, unrecorded: current }, delayMs: current.delayMs };
      saga = current.saga;
      const call = current.commands.find(isCall);
      if (!call) return endOf(saga);
      if (draining) return { kind: 'over', finished: false };
      const outcome = await callStep(definition, saga, call, { clock: callClock, stopped });
      if (stopped.aborted) return { kind: 'over', finished: false };
      current = await recorder.record(definition, saga, inputOf(call, outcome), stopped, 0);
    }
    // It may wait by now: a commit of ours that seemed to fail has given the lease up.
    return { kind: 'due', timeMs: clock.now() };
  }

  return {
    async drive(held) {
      const { name, definitionVersion, requestId, traceparent } = held.saga;
      const definition = catalog.find(name, definitionVersion);
      if (!definition) throw new Error(`the saga ${name} v${definitionVersion} is not defined here`);
      const scope = { requestId, traceparent, deadlineMs: undefined, signal: undefined };
      return runInScope(scope, () => go(definition, held));
    },
    drain() {
      draining = true;
    },
    abort: () => stop.abort(new Error('the saga engine stops')),
  };
}

function endOf({ record }: StoredSaga): DriveEnd {
  const { waitUntilMs } = record;
  return waitUntilMs === undefined ? { kind: 'over', finished: true } : { kind: 'due', timeMs: waitUntilMs };
}

function inputOf({ kind, step }: StepCall, outcome: StepOutcome): SagaInput {
  const prefix = kind === 'run' ? 'step' : 'undo';
  if (outcome.outcome === 'ok') return { event: { kind: `${prefix}-ok`, step }, result: outcome.result };
  const { error, cause } = outcome;
  return { event: { kind: `${prefix}-${outcome.outcome}`, step, error }, ...(cause !== undefined && { cause }) };
}
