import { setMaxListeners } from 'node:events';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../telemetry/clock.ts';
import { callStep, type StepOutcome } from './call-step.ts';
import type { AnyDefinition, Catalog } from './catalog.ts';
import { isCall, type SagaCommand, type StepCall } from './decide.ts';
import type { Finding, Recorded, Recorder } from './recorder.ts';
import type { StoredSaga } from './stored-saga.ts';

/** A saga whose lease is held here, with what is to be done next; without commands it has to be found out first. */
export interface HeldSaga {
  readonly saga: StoredSaga;
  readonly commands?: readonly SagaCommand[];
}

/** Takes one saga as far as it goes. */
export interface Driver {
  /**
   * Runs steps, or undoes them, until the saga has ended, waits, is parked or is driven by somebody else. Resolves with
   * when to look for due sagas again on its account.
   */
  drive(held: HeldSaga): Promise<number | undefined>;
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
}: {
  readonly catalog: Catalog;
  readonly recorder: Recorder;
  readonly clock: Clock;
}): Driver {
  const stop = new AbortController();
  const stopped = stop.signal;
  setMaxListeners(0, stopped);
  let draining = false;

  async function go(definition: AnyDefinition, { saga, commands }: HeldSaga): Promise<number | undefined> {
    let current: Recorded | undefined = commands
      ? { saga, commands }
      : await recorder.record(definition, saga, { event: { kind: 'resumed' } }, stopped);
    while (current) {
      const call = current.commands.find(isCall);
      if (!call) return current.saga.record.waitUntilMs;
      if (draining) return undefined;
      const outcome = await callStep(definition, current.saga, call, { clock, stopped });
      if (stopped.aborted) return undefined;
      current = await recorder.record(definition, current.saga, findingOf(call, outcome), stopped);
    }
    // It may wait by now: a commit of ours that seemed to fail has given the lease up.
    return clock.now();
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

function findingOf({ kind, step }: StepCall, outcome: StepOutcome): Finding {
  const prefix = kind === 'run' ? 'step' : 'undo';
  if (outcome.outcome === 'ok') return { event: { kind: `${prefix}-ok`, step }, result: outcome.result };
  return { event: { kind: `${prefix}-${outcome.outcome}`, step, error: outcome.error } };
}
