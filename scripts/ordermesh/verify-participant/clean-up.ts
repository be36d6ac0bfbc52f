import { isDefinite } from './caller.ts';
import type { Participant } from './participant.ts';
import { newRequestId } from './rule.ts';
import type { TestData } from './test-data.ts';

/** How long the clean-up of a run may begin new calls. */
const timeLimitMs = 30_000;
const concurrency = 16;

/** Undoes the orders of a run and removes its test data, with one attempt each. Returns what remains. */
export async function cleanUp(participant: Participant, { orders }: TestData): Promise<string> {
  const endMs = performance.now() + timeLimitMs;
  const left = await attemptEach(orders, async (order) => isDefinite(await order.undo(newRequestId())), endMs);
  const text = await participant.cleanUp(endMs);
  return left.length === 0 ? text : `${text}; not undone: ${summary(left.map(({ id }) => id))}`;
}

/**
 * Calls `work` for each item, several at a time, until `endMs` of `performance.now()`. Returns the items for which it did not
 * return true.
 */
export async function attemptEach<Item>(
  items: Iterable<Item>,
  work: (item: Item) => Promise<boolean>,
  endMs: number,
): Promise<Item[]> {
  const queue = [...items];
  const left: Item[] = [];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
      if (performance.now() > endMs || !(await work(item))) left.push(item);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return left;
}

/** The first of them and how many there are. */
export function summary(ids: readonly string[]): string {
  const first = ids.slice(0, 3).join(', ');
  return ids.length > 3 ? `${first} and ${ids.length - 3} more` : first;
}
