import { setMaxListeners } from 'node:events';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Clock } from '../../time/clock.ts';
import { isCall, type SagaCommand, type StepCall } from '../decide/decision.ts';
import type { Definitions } from '../definitions.ts';
import { definitionChange } from '../definitions.ts';
import type { AnyDefinition } from '../saga.ts';
import type { StoredSaga } from '../store/saga-table.ts';
import { callStep, type StepOutcome } from './call-step.ts';
import type { ProgressWriter, RecordedInput, Unwritten, Written } from './progress-writer.ts';

/** A saga whose lease this process holds, with what to do next, or what is still to be written, as far as that is known. */
export interface HeldSaga {
  readonly saga: StoredSaga;
  readonly commands?: readonly SagaCommand[];
  readonly unwritten?: Unwritten;
  /** How many times in a row it could not be driven. */
  readonly failures?: number;
}

/** How driving a saga ended: it is due again at a time, it is over here, or its lease is still held and it is to be retried. */
export type DriveEnd =
  | { readonly kind: 'due'; readonly timeMs: number }
  | { readonly kind: 'over'; readonly finished: boolean }
  | { readonly kind: 'again'; readonly held: HeldSaga; readonly delayMs: number };

/** Drives one saga as far as it goes. */
export interface Driver {
  /** Runs or undoes steps until the saga has ended, waits, needs attention or is driven by another process. */
  drive(held: HeldSaga): Promise<DriveEnd>;
  /** Starts no more steps. */
  drain(): void;
  /** Aborts the steps in progress; their outcomes are no longer written. */
  abort(): void;
}

export function createDriver({
  service,
  definitions,
  writer,
  clock,
  callClock,
}: {
  /** The service that makes the steps. */
  readonly service: string;
  readonly definitions: Definitions;
  readonly writer: ProgressWriter;
  /** For the times at which sagas are due. */
  readonly clock: Clock;
  /** For the deadlines of calls, which use this machine's clock. */
  readonly callClock: Clock;
}): Driver {
  const stop = new AbortController();
  const stopped = stop.signal;
  setMaxListeners(0, stopped);
  let draining = false;

  function first(definition: AnyDefinition, held: HeldSaga): Promise<Written | Unwritten | undefined> {
    const { saga, commands, unwritten } = held;
    if (commands) return Promise.resolve({ saga, commands });
    const change = definitionChange(definition, saga.record);
    if (change) return writer.holdBack(definition, saga, change);
    const input: RecordedInput = unwritten?.input ?? { event: { kind: 'resumed' } };
    return writer.write(definition, saga, input, stopped, unwritten?.failures ?? 0);
  }

  async function run(definition: AnyDefinition, held: HeldSaga): Promise<DriveEnd> {
    let current = await first(definition, held);
    let { saga } = held;
    while (current) {
      if ('input' in current) return { kind: 'again', held: { saga, unwritten: current }, delayMs: current.delayMs };
      saga = current.saga;
      const call = current.commands.find(isCall);
      if (!call) return endOf(saga);
      if (draining) return { kind: 'over', finished: false };
      const outcome = await callStep(definition, saga, call, { clock: callClock, stopped });
      if (stopped.aborted) return { kind: 'over', finished: false };
      current = await writer.write(definition, saga, inputOf(call, outcome), stopped, 0);
    }
    // It may be waiting by now: a commit that seemed to fail has released the lease.
    return { kind: 'due', timeMs: clock.now() };
  }

  return {
    async drive(held) {
      const { name, definitionVersion, requestId, traceparent, onBehalfOf } = held.saga;
      const definition = definitions.find(name, definitionVersion);
      if (!definition) throw new Error(`the saga ${name} v${definitionVersion} is not defined here`);
      const caller = onBehalfOf === undefined ? undefined : { service, subject: onBehalfOf, roles: [] };
      const scope = { requestId, traceparent, deadlineMs: undefined, signal: undefined, caller };
      return runInScope(scope, () => run(definition, held));
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

function inputOf({ kind, step }: StepCall, outcome: StepOutcome): RecordedInput {
  const prefix = kind === 'run' ? 'step' : 'undo';
  if (outcome.outcome === 'ok') return { event: { kind: `${prefix}-ok`, step }, result: outcome.result };
  const { error, cause } = outcome;
  return { event: { kind: `${prefix}-${outcome.outcome}`, step, error }, ...(cause !== undefined && { cause }) };
}
