import { isInfrastructureFault } from '../../errors/codes.ts';
import { describeError } from '../../errors/error-text.ts';
import { internal } from '../../errors/errors.ts';
import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { decide, type SagaEvent } from '../decide/decide.ts';
import { isCall, reportsOf, type SagaCommand } from '../decide/decision.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from '../decide/retry-delay.ts';
import { reportProgress } from '../report-progress.ts';
import type { AnyDefinition } from '../saga.ts';
import { frozenCopy } from '../store/frozen-copy.ts';
import type { StoredSaga } from '../store/saga-table.ts';
import { type Schedule, selectSaga, updateByDriver } from '../store/saga-table.ts';
import { createProgressLog } from './progress-log.ts';

export interface ProgressWriterOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly aging: AgingClock;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  readonly owner: string;
  readonly leaseMs: number;
  /** Called when a call of a step or an undo had no definite answer. */
  readonly onUnanswered: () => void;
}

/** What to record: an event, and what the step that it is about adds to the data. */
export interface RecordedInput {
  readonly event: SagaEvent;
  readonly result?: unknown;
  /** The cause of the event's error, as text for the log. */
  readonly cause?: string;
}

/** A saga as it was written, and what to do next. */
export interface Written {
  readonly saga: StoredSaga;
  readonly commands: readonly SagaCommand[];
}

/** What could not be written: retry after `delayMs`. */
export interface Unwritten {
  readonly input: RecordedInput;
  /** How many times in a row. */
  readonly failures: number;
  readonly delayMs: number;
}

/** Writes what happened to a saga, and what follows from it. */
export interface ProgressWriter {
  /**
   * Decides and writes, in one transaction with the owner's own changes, in a few attempts. If they fail the saga is held
   * back: it waits, shows as failing, and takes no slot. If the database does not even store that, the caller has to retry
   * (`Unwritten`). `failures`: how many times before. Undefined if nothing was written: another process drives the saga,
   * nobody has to, or `stopped` has aborted.
   */
  write(
    definition: AnyDefinition,
    saga: StoredSaga,
    input: RecordedInput,
    stopped: AbortSignal,
    failures: number,
  ): Promise<Written | Unwritten | undefined>;
  /** Makes a saga wait that cannot be driven, and shows why. */
  holdBack(definition: AnyDefinition, saga: StoredSaga, error: unknown): Promise<Written | undefined>;
}

const attemptsInSlot = 3;
const failuresInMemory = 5;
const storageRetryMs = 5_000;

export function createProgressWriter(options: ProgressWriterOptions): ProgressWriter {
  const { storage, clock, logger, retry } = options;
  const log = createProgressLog(logger, clock);

  function attempt(definition: AnyDefinition, saga: StoredSaga, input: RecordedInput): Promise<Written | undefined> {
    return storage.transaction((tx) => writeIn(tx, options, definition, saga, input));
  }

  async function holdBack(definition: AnyDefinition, saga: StoredSaga, error: unknown): Promise<Written | undefined> {
    log.heldBack(saga, error);
    return await attempt(definition, saga, { event: { kind: 'held-back', error: describeError(error, internal) } });
  }

  async function giveUp(
    definition: AnyDefinition,
    saga: StoredSaga,
    input: RecordedInput,
    error: unknown,
    failures: number,
  ): Promise<Written | Unwritten | undefined> {
    // A database that is unavailable comes back, and then the outcome is still needed.
    const isUnavailable = isInfrastructureFault(error);
    if (!isUnavailable || failures > failuresInMemory) {
      try {
        return await holdBack(definition, saga, error);
      } catch (failure) {
        log.notHeldBack(saga, failure);
      }
    } else {
      log.heldBack(saga, error);
    }
    const delayMs = retryDelayMs(retry, attemptsInSlot + failures, randomJitter());
    return { input, failures, delayMs: isUnavailable ? Math.min(delayMs, storageRetryMs) : delayMs };
  }

  return {
    async write(definition, saga, input, stopped, failures) {
      const maxAttempts = saga.record.heldBack === 0 && failures === 0 ? attemptsInSlot : 1;
      for (let attempts = 1; !stopped.aborted; attempts += 1) {
        try {
          const written = await attempt(definition, saga, input);
          if (written) log.written(saga, written.saga, input.event, input.cause);
          if ('error' in input.event && !input.event.kind.endsWith('refused')) options.onUnanswered();
          return written;
        } catch (error) {
          if (attempts >= maxAttempts) return await giveUp(definition, saga, input, error, failures + 1);
          await sleep(clock, retryDelayMs(retry, attempts, randomJitter()), stopped);
        }
      }
      return undefined;
    },
    holdBack,
  };
}

async function writeIn(
  tx: Transaction,
  options: ProgressWriterOptions,
  definition: AnyDefinition,
  read: StoredSaga,
  given: RecordedInput,
): Promise<Written | undefined> {
  let saga = read;
  let input = given;
  for (;;) {
    const nowMs = options.clock.now();
    const { next, commands } = apply(options, definition, saga, input, nowMs);
    if (await updateByDriver(tx, saga, next, scheduleOf(options, commands, nowMs), options.aging.nowMs())) {
      await reportProgress(tx, definition, next, reportsOf(commands));
      return { saga: next, commands };
    }
    const fresh = await selectSaga(tx, saga.id);
    if (!fresh || fresh.fencingToken !== saga.fencingToken || fresh.leaseOwner !== options.owner) return undefined;
    // The driver's own last write: this very input was committed by a transaction that seemed to fail.
    if (fresh.driverRevision !== saga.driverRevision) input = { event: { kind: 'resumed' } };
    saga = fresh;
  }
}

function apply(
  { retry }: ProgressWriterOptions,
  definition: AnyDefinition,
  saga: StoredSaga,
  { event, result }: RecordedInput,
  nowMs: number,
): { readonly next: StoredSaga; readonly commands: readonly SagaCommand[] } {
  const { record, commands } = decide(definition, retry, saga.record, { ...event, nowMs, jitter: randomJitter() });
  const data = result ? Object.freeze({ ...(saga.data as object), ...frozenCopy(result) }) : saga.data;
  const next: StoredSaga = {
    ...saga,
    record,
    data,
    revision: saga.revision + 1n,
    driverRevision: saga.driverRevision + 1n,
    updateTimeMs: nowMs,
  };
  return { next, commands };
}

function scheduleOf(options: ProgressWriterOptions, commands: readonly SagaCommand[], nowMs: number): Schedule {
  const wait = commands.find((command) => command.kind === 'wait');
  if (wait) return { leaseOwner: null, dueTimeMs: wait.untilMs };
  if (commands.some(isCall)) return { leaseOwner: options.owner, dueTimeMs: nowMs + options.leaseMs };
  return { leaseOwner: null, dueTimeMs: undefined };
}
