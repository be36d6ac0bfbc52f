import { expect } from 'vitest';
import { eventually } from '../../testing/eventually.ts';
import type { DeadLetter, DeadLetterQueue } from '../dead-letters.ts';

/** A consumer, an outbox or a task queue. */
interface Owner {
  readonly deadLetters: DeadLetterQueue;
}

/** Returns all dead letters of a consumer, an outbox or a task queue. */
export async function listDeadLetters({ deadLetters }: Owner): Promise<DeadLetter[]> {
  return await Array.fromAsync(deadLetters.list({}, ''));
}

/** Resolves with the dead letters of an owner when there are `count`. */
export function deadLettersToCount(owner: Owner, count: number): Promise<DeadLetter[]> {
  return eventually(async () => {
    const found = await listDeadLetters(owner);
    expect(found).toHaveLength(count);
    return found;
  });
}

/** Resolves with the only dead letter of an owner when there is one. */
export async function oneDeadLetter(owner: Owner): Promise<DeadLetter> {
  const [found] = await deadLettersToCount(owner, 1);
  return found ?? expect.fail('no dead letter');
}
