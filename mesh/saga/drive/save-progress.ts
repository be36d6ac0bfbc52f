import { isInfrastructureFault } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { decide, type SagaEvent } from '../decide/decide.ts';
import { isCall, reportsOf, type SagaCommand } from '../decide/decision.ts';
import { type RetryPolicy, randomJitter, retryDelayMs } from '../decide/retry-delay.ts';
import { report } from '../definitions.ts';
import type { AnyDefinition } from '../saga.ts';
import { type Schedule, selectSaga, updateByDriver } from '../store/saga-table.ts';
import type { StoredSaga } from '../store/stored-saga.ts';
import { createProgressLog } from './progress-log.ts';

export interface RecorderOptions {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly retry: RetryPolicy;
  readonly owner: string;
  readonly leaseMs: number;
  /** Called when a call of a step or an undo had no definite answer. */
  readonly onUnanswered: () => void;
}

/** What is to be recorded: an event, and what the step that it is about passes on. */
export interface SagaInput {
  readonly event: SagaEvent;
  readonly result?: unknown;
  /** What was behind the error of the event, in words, for the log. */
  readonly cause?: string;
}

/** A saga as it is recorded, and what is to be done next. */
export interface Recorded {
  readonly saga: StoredSaga;
  readonly commands: readonly SagaCommand[];
}

/** What could not be recorded: record it again after `delayMs`. */
export interface Unrecorded {
  readonly input: SagaInput;
  /** How many times in a row. */
  readonly failures: number;
  readonly delayMs: number;
}

/** Records what a driver found out, and what follows from it. */
export interface Recorder {
  /**
   * Decides and writes, in one transaction with what the owner makes of it; a few attempts. When they fail the saga is held
   * back: it waits, shows as failing, and takes no slot. Where the database keeps not even that, it is up to the caller
   * (`Unrecorded`). `failures`: how many times before. Undefined, and nothing was written: somebody else drives the saga,
   * nobody has to any more, or `stopped` has aborted.
   */
  record(
    definition: AnyDefinition,
    saga: StoredSaga,
    input: SagaInput,
    stopped: AbortSignal,
    failures: number,
  ): Promise<Recorded | Unrecorded | undefined>;
  /** Has a saga wait that cannot be driven, and shows why. */
  holdBack(definition: AnyDefinition, saga: StoredSaga, error: unknown): Promise<Recorded | undefined>;
}

const attemptsInSlot = 3;
const failuresInMemory = 5;
const storageRetryMs = 5_000;

/** Makes the recorder of an engine. */
export function createRecorder(options: RecorderOptions): Recorder {
  const { storage, clock, logger, retry } = options;
  const log = createProgressLog(logger, clock);

  function write(definition: AnyDefinition, saga: StoredSaga, input: SagaInput): Promise<Recorded | undefined> {
    return storage.transaction((tx) => recordIn(tx, options, definition, saga, input));
  }

  async function holdBack(definition: AnyDefinition, saga: StoredSaga, error: unknown): Promise<Recorded | undefined> {
    log.heldBack(saga, error);
    return await write(definition, saga, { event: { kind: 'held-back', error: stepErrorOf(error) } });
  }

  async function giveUp(
    definition: AnyDefinition,
    saga: StoredSaga,
    input: SagaInput,
    error: unknown,
    failures: number,
  ): Promise<Recorded | Unrecorded | undefined> {
    // A database that is away comes back, and then what was found out is still worth having.
    const isAway = isInfrastructureFault(error);
    if (!isAway || failures > failuresInMemory) {
      try {
        return await holdBack(definition, saga, error);
      } catch (refused) {
        log.notHeldBack(saga, refused);
      }
    } else {
      log.heldBack(saga, error);
    }
    const delayMs = retryDelayMs(retry, attemptsInSlot + failures, randomJitter());
    return { input, failures, delayMs: isAway ? Math.min(delayMs, storageRetryMs) : delayMs };
  }

  return {
    async record(definition, saga, input, stopped, failures) {
      const attempts = saga.record.heldBack === 0 && failures === 0 ? attemptsInSlot : 1;
      for (let attempt = 1; !stopped.aborted; attempt += 1) {
        try {
          const recorded = await write(definition, saga, input);
          if (recorded) log.recorded(saga, recorded.saga, input.event, input.cause);
          if ('error' in input.event && !input.event.kind.endsWith('refused')) options.onUnanswered();
          return recorded;
        } catch (error) {
          if (attempt >= attempts) return await giveUp(definition, saga, input, error, failures + 1);
          await sleep(clock, retryDelayMs(retry, attempt, randomJitter()), stopped);
        }
      }
      return undefined;
    },
    holdBack,
  };
}

async function recordIn(
  tx: Transaction,
  options: RecorderOptions,
  definition: AnyDefinition,
  read: StoredSaga,
  found: SagaInput,
): Promise<Recorded | undefined> {
  let saga = read;
  let input = found;
  for (;;) {
    const nowMs = options.clock.now();
    const { next, commands } = follow(options, definition, saga, input, nowMs);
    if (await updateByDriver(tx, saga, next, scheduleOf(options, commands, nowMs))) {
      await report(tx, definition, next, reportsOf(commands));
      return { saga: next, commands };
    }
    const fresh = await selectSaga(tx, saga.id);
    if (!fresh || fresh.epoch !== saga.epoch || fresh.leaseOwner !== options.owner) return undefined;
    // Another turn than ours: this very input was committed before, by a transaction that seemed to fail.
    if (fresh.turn !== saga.turn) input = { event: { kind: 'resumed' } };
    saga = fresh;
  }
}

function follow(
  { retry }: RecorderOptions,
  definition: AnyDefinition,
  saga: StoredSaga,
  { event, result }: SagaInput,
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

function stepErrorOf(error: unknown): { readonly reason: string; readonly message: string } {
  const reason = error instanceof MeshError ? error.reason : 'INTERNAL';
  return { reason, message: error instanceof Error ? error.message : String(error) };
}
