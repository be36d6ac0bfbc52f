import { setMaxListeners } from 'node:events';
import type { Storage, Transaction } from '../storage/storage.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { callStep, type StepCall, type StepOutcome } from './call-step.ts';
import { type AnyDefinition, type Catalog, report } from './catalog.ts';
import { decide, type SagaCommand, type SagaEvent, type SagaReport } from './decide.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from './retry-delay.ts';
import { type Schedule, selectSaga, updateByDriver } from './saga-table.ts';
import type { StoredSaga } from './stored-saga.ts';

/** A saga whose lease is held here, with what is to be done next; without commands it has to be found out first. */
export interface HeldSaga {
  readonly saga: StoredSaga;
  readonly commands?: readonly SagaCommand[];
}

export interface DriverOptions {
  readonly storage: Storage;
  readonly catalog: Catalog;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  readonly owner: string;
  readonly leaseMs: number;
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

/** What is to be recorded: an event, and what the step that it is about passes on. */
interface Finding {
  readonly event: SagaEvent;
  readonly result?: unknown;
}

type Recorded = Required<HeldSaga> | undefined;

/** Makes the driver of an engine. */
export function createDriver(options: DriverOptions): Driver {
  const { catalog, clock } = options;
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  let draining = false;

  async function go(definition: AnyDefinition, held: HeldSaga): Promise<number | undefined> {
    let current: Recorded = held.commands
      ? { saga: held.saga, commands: held.commands }
      : await record(options, stop.signal, definition, held.saga, { event: { kind: 'resumed' } });
    while (current) {
      const call = current.commands.find(isCall);
      if (!call) return current.saga.record.waitUntilMs;
      if (draining) return undefined;
      const outcome = await callStep(definition, current.saga, call, { clock, stopped: stop.signal });
      if (stop.signal.aborted) return undefined;
      current = await record(options, stop.signal, definition, current.saga, findingOf(call, outcome));
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

/** Records a finding and what follows from it, as often as it takes. Undefined: somebody else has it, or we stop. */
async function record(
  options: DriverOptions,
  stopped: AbortSignal,
  definition: AnyDefinition,
  saga: StoredSaga,
  finding: Finding,
): Promise<Recorded> {
  for (let attempt = 1; !stopped.aborted; attempt += 1) {
    try {
      const recorded = await options.storage.transaction((tx) => recordIn(tx, options, definition, saga, finding));
      if (recorded) logTurn(options.logger, saga, recorded, finding);
      return recorded;
    } catch (error) {
      options.logger.error({ err: error, saga_id: saga.id, attempt }, 'a saga cannot be recorded; trying again');
      await pause(options.clock, retryDelayMs(options.retry, attempt, randomJitter()), stopped);
    }
  }
  return undefined;
}

async function recordIn(
  tx: Transaction,
  options: DriverOptions,
  definition: AnyDefinition,
  read: StoredSaga,
  found: Finding,
): Promise<Recorded> {
  let saga = read;
  let finding = found;
  for (;;) {
    const nowMs = options.clock.now();
    const decision = decide(definition, options.retry, saga.record, {
      ...finding.event,
      nowMs,
      jitter: randomJitter(),
    });
    const next: StoredSaga = {
      ...saga,
      record: decision.record,
      data: finding.result ? { ...(saga.data as object), ...finding.result } : saga.data,
      version: saga.version + 1n,
      turn: saga.turn + 1n,
      updateTimeMs: nowMs,
    };
    if (await updateByDriver(tx, saga, next, scheduleOf(options, decision.commands, nowMs))) {
      await report(tx, definition, next, reportsOf(decision.commands));
      return { saga: next, commands: decision.commands };
    }
    const fresh = await selectSaga(tx, saga.id);
    if (!fresh || fresh.epoch !== saga.epoch || fresh.leaseOwner !== options.owner) return undefined;
    // Another turn than ours: this very finding was committed before, by a transaction that seemed to fail.
    if (fresh.turn !== saga.turn) finding = { event: { kind: 'resumed' } };
    saga = fresh;
  }
}

function scheduleOf(options: DriverOptions, commands: readonly SagaCommand[], nowMs: number): Schedule {
  const wait = commands.find((command) => command.kind === 'wait');
  if (wait) return { leaseOwner: null, dueTimeMs: wait.untilMs };
  if (commands.some(isCall)) return { leaseOwner: options.owner, dueTimeMs: nowMs + options.leaseMs };
  return { leaseOwner: null, dueTimeMs: undefined };
}

/** What is to be told with a decision. */
export function reportsOf(commands: readonly SagaCommand[]): SagaReport[] {
  return commands.filter((command) => command.kind === 'report').map((command) => command.report);
}

function isCall(command: SagaCommand): command is SagaCommand & StepCall {
  return command.kind === 'run' || command.kind === 'undo';
}

function findingOf(call: StepCall, outcome: StepOutcome): Finding {
  const prefix = call.kind === 'run' ? 'step' : 'undo';
  if (outcome.outcome !== 'ok') {
    return { event: { kind: `${prefix}-${outcome.outcome}`, step: call.step, error: outcome.error } };
  }
  return { event: { kind: `${prefix}-ok`, step: call.step }, result: outcome.result };
}

function logTurn(logger: Logger, saga: StoredSaga, { saga: next }: Required<HeldSaga>, { event }: Finding): void {
  const fields = { saga: saga.name, saga_id: saga.id, subject_id: saga.subjectId };
  if ('error' in event)
    logger.warn({ ...fields, event: event.kind, ...event.error }, 'a step of a saga did not succeed');
  if (next.record.state === saga.record.state) return;
  const { state } = next.record;
  if (state === 'needs-attention') logger.error(fields, 'a saga is parked; retry or resolve it');
  else if (state === 'completed') logger.debug(fields, 'a saga completed');
  else logger.info({ ...fields, state, failure: next.record.failure }, 'a saga turned back');
}

function pause(clock: Clock, delayMs: number, stopped: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const callOff = clock.after(delayMs, end);
    stopped.addEventListener('abort', end);
    function end(): void {
      callOff();
      stopped.removeEventListener('abort', end);
      resolve();
    }
  });
}
