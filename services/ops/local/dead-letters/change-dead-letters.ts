import {
  cutText,
  type DeadLetterFilter,
  type DeadLetterQueue,
  handlerFailed,
  type Logger,
  MeshError,
  take,
} from '#mesh';
import { eitherIdsOrFilter } from '../../errors.ts';

/** Why a dead letter could not be changed. */
export interface ChangeFailure {
  readonly id: string;
  readonly reason: string;
  readonly message: string;
}

/** The outcome of each id, in the given order. */
export interface ChangeOutcome {
  readonly changedIds: string[];
  readonly missingIds: string[];
  readonly failures: ChangeFailure[];
  /** Ids that were not reached in time. */
  readonly leftIds: string[];
}

export interface ChangeContext {
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** The address of the caller, for the log. */
  readonly peer: string;
  /** Waits until the next change may begin. False: leave it and those after it. Default: no wait. */
  readonly nextTurn?: () => Promise<boolean>;
}

/** Which dead letters to redrive: by id, or all that match a filter. */
export interface RedriveRequest {
  readonly ids: readonly string[];
  readonly filter: DeadLetterFilter | undefined;
  /** Only find out which. */
  readonly dryRun: boolean;
}

// One that fails again may come back as a new dead letter: a bound keeps a filter from redriving it forever.
const maxByFilter = 1_000;

/** Redrives the dead letters with these ids, or the 1,000 oldest that match the filter. */
export async function redriveDeadLetters(
  deadLetters: DeadLetterQueue,
  { ids, filter, dryRun }: RedriveRequest,
  context: ChangeContext,
): Promise<ChangeOutcome> {
  if (ids.length > 0 === (filter !== undefined)) throw eitherIdsOrFilter();
  const chosen = filter ? await findIds(deadLetters, filter, context.signal) : ids;
  const isOpen = async (id: string) => {
    const found = await deadLetters.get(id);
    return found !== undefined && !found.closing;
  };
  const redrive = async (id: string) => {
    const subject = await subjectOf(deadLetters, id);
    const redriven = await deadLetters.redrive(id);
    if (redriven) context.logger.info({ ...subject, peer: context.peer }, 'dead letter redriven by an operator');
    return redriven;
  };
  return await changeDeadLetters(chosen, dryRun ? isOpen : redrive, context);
}

/** Discards the dead letters with these ids. The log keeps the note for longer than the database. */
export function discardDeadLetters(
  deadLetters: DeadLetterQueue,
  ids: readonly string[],
  note: string,
  context: ChangeContext,
): Promise<ChangeOutcome> {
  const discard = async (id: string) => {
    const subject = await subjectOf(deadLetters, id);
    const discarded = await deadLetters.discard(id, note);
    if (discarded)
      context.logger.info({ ...subject, note, peer: context.peer }, 'dead letter discarded by an operator');
    return discarded;
  };
  return changeDeadLetters(ids, discard, context);
}

/** What the log says of a dead letter: not its payload, which may hold personal data. */
async function subjectOf(deadLetters: DeadLetterQueue, id: string): Promise<object> {
  const { source, origin, subjectId, reason } = (await deadLetters.get(id)) ?? {};
  return { id, source, origin, subject: subjectId, reason };
}

async function findIds(deadLetters: DeadLetterQueue, filter: DeadLetterFilter, signal: AbortSignal): Promise<string[]> {
  const found = await Array.fromAsync(take(deadLetters.list(filter, ''), maxByFilter, signal));
  return found.map(({ id }) => id);
}

/**
 * Changes dead letters one after another, because events of one key have an order. A failure does not stop the others.
 * `change` resolves with false if there is no dead letter with this id. Nothing more begins after `signal` aborts.
 */
async function changeDeadLetters(
  ids: readonly string[],
  change: (id: string) => Promise<boolean>,
  { signal, logger, nextTurn = async () => true }: ChangeContext,
): Promise<ChangeOutcome> {
  const outcome: ChangeOutcome = { changedIds: [], missingIds: [], failures: [], leftIds: [] };
  const left = new Set(ids);
  for (const id of left) {
    signal.throwIfAborted();
    if (!(await nextTurn())) return { ...outcome, leftIds: [...left] };
    left.delete(id);
    try {
      ((await change(id)) ? outcome.changedIds : outcome.missingIds).push(id);
    } catch (error) {
      outcome.failures.push(failureOf(id, error, logger));
    }
  }
  return outcome;
}

function failureOf(id: string, error: unknown, logger: Logger): ChangeFailure {
  // A response may have a thousand of them.
  if (error instanceof MeshError) return { id, reason: error.reason, message: cutText(error.message, 1_000) };
  logger.error({ err: error, dead_letter: id }, 'changing a dead letter failed');
  return { id, reason: handlerFailed.reason, message: 'it failed again: GetDeadLetter shows the new error' };
}
