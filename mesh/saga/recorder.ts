import type { Storage, Transaction } from '../storage/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { pause } from '../telemetry/pause.ts';
import { type AnyDefinition, report } from './catalog.ts';
import { decide, isCall, reportsOf, type SagaCommand, type SagaEvent } from './decide.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from './retry-delay.ts';
import { type Schedule, selectSaga, updateByDriver } from './saga-table.ts';
import type { StoredSaga } from './stored-saga.ts';

export interface RecorderOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  readonly owner: string;
  readonly leaseMs: number;
}

/** What is to be recorded: an event, and what the step that it is about passes on. */
export interface Finding {
  readonly event: SagaEvent;
  readonly result?: unknown;
}

/** A saga as it is recorded, and what is to be done next. */
export interface Recorded {
  readonly saga: StoredSaga;
  readonly commands: readonly SagaCommand[];
}

/** Records what a driver found out, and what follows from it. */
export interface Recorder {
  /**
   * Decides and writes, in one transaction with what the owner makes of it, as often as it takes. Undefined, and nothing
   * was written: somebody else drives the saga, nobody has to any more, or `stopped` has aborted.
   */
  record(
    definition: AnyDefinition,
    saga: StoredSaga,
    finding: Finding,
    stopped: AbortSignal,
  ): Promise<Recorded | undefined>;
}

/** Makes the recorder of an engine. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { storage, clock, logger, retry } = options;
  return {
    async record(definition, saga, finding, stopped) {
      for (let attempt = 1; !stopped.aborted; attempt += 1) {
        try {
          const recorded = await storage.transaction((tx) => recordIn(tx, options, definition, saga, finding));
          if (recorded) log(logger, saga, recorded, finding);
          return recorded;
        } catch (error) {
          logger.error({ err: error, saga_id: saga.id, attempt }, 'a saga cannot be recorded; trying again');
          await pause(clock, retryDelayMs(retry, attempt, randomJitter()), stopped);
        }
      }
      return undefined;
    },
  };
}

async function recordIn(
  tx: Transaction,
  options: RecorderOptions,
  definition: AnyDefinition,
  read: StoredSaga,
  found: Finding,
): Promise<Recorded | undefined> {
  let saga = read;
  let finding = found;
  for (;;) {
    const nowMs = options.clock.now();
    const { next, commands } = follow(options, definition, saga, finding, nowMs);
    if (await updateByDriver(tx, saga, next, scheduleOf(options, commands, nowMs))) {
      await report(tx, definition, next, reportsOf(commands));
      return { saga: next, commands };
    }
    const fresh = await selectSaga(tx, saga.id);
    if (!fresh || fresh.epoch !== saga.epoch || fresh.leaseOwner !== options.owner) return undefined;
    // Another turn than ours: this very finding was committed before, by a transaction that seemed to fail.
    if (fresh.turn !== saga.turn) finding = { event: { kind: 'resumed' } };
    saga = fresh;
  }
}

function follow(
  { retry }: RecorderOptions,
  definition: AnyDefinition,
  saga: StoredSaga,
  { event, result }: Finding,
  nowMs: number,
): { readonly next: StoredSaga; readonly commands: readonly SagaCommand[] } {
  const { record, commands } = decide(definition, retry, saga.record, { ...event, nowMs, jitter: randomJitter() });
  const data = result ? { ...(saga.data as object), ...result } : saga.data;
  const next = { ...saga, record, data, version: saga.version + 1n, turn: saga.turn + 1n, updateTimeMs: nowMs };
  return { next, commands };
}

function scheduleOf(options: RecorderOptions, commands: readonly SagaCommand[], nowMs: number): Schedule {
  const wait = commands.find((command) => command.kind === 'wait');
  if (wait) return { leaseOwner: null, dueTimeMs: wait.untilMs };
  if (commands.some(isCall)) return { leaseOwner: options.owner, dueTimeMs: nowMs + options.leaseMs };
  return { leaseOwner: null, dueTimeMs: undefined };
}

function log(logger: Logger, saga: StoredSaga, { saga: next }: Recorded, { event }: Finding): void {
  const fields = { saga: saga.name, saga_id: saga.id, subject_id: saga.subjectId };
  if ('error' in event && event.kind !== 'step-refused') {
    logger.warn({ ...fields, event: event.kind, ...event.error }, 'a step of a saga did not succeed');
  }
  const { state, failure } = next.record;
  if (state === saga.record.state) return;
  if (state === 'needs-attention') logger.error(fields, 'a saga is parked; retry or resolve it');
  else if (state === 'completed') logger.debug(fields, 'a saga completed');
  else if (state === 'compensating') logger.info({ ...fields, failure }, 'a saga turned back: it undoes its steps');
  else logger.info({ ...fields, failure }, 'a saga is undone');
}
