import type { DeadLetterFilter, DeadLetterQueue } from '#mesh';
import { eitherIdsOrFilter } from '../errors.ts';
import { firstOf } from '../take.ts';
import { type ChangeContext, type ChangeOutcome, changeDeadLetters } from './change-dead-letters.ts';

/** Which dead letters are to be redriven: by id, or all that a filter meets. */
export interface Redriving {
  readonly ids: readonly string[];
  readonly filter: DeadLetterFilter | undefined;
  /** Only find out which. */
  readonly dryRun: boolean;
}

// One that fails again may come back as a new letter: a bound keeps a filter from chasing it for ever.
const maxByFilter = 1_000;

/** Hands dead letters to their handlers again: those named, or the 1,000 oldest that the filter meets. */
export async function redriveDeadLetters(
  box: DeadLetterQueue,
  { ids, filter, dryRun }: Redriving,
  context: ChangeContext,
): Promise<ChangeOutcome> {
  if (ids.length > 0 === (filter !== undefined)) throw eitherIdsOrFilter();
  const chosen = filter ? await idsOf(box, filter, context.signal) : ids;
  const isThere = async (id: string) => (await box.get(id)) !== undefined;
  return await changeDeadLetters(chosen, dryRun ? isThere : (id) => box.redrive(id), context);
}

async function idsOf(box: DeadLetterQueue, filter: DeadLetterFilter, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for await (const letter of firstOf(box.list(filter, ''), maxByFilter, signal)) ids.push(letter.id);
  return ids;
}
