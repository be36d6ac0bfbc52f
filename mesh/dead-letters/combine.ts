import { mergeById } from '../iterables/merge-by-id.ts';
import type { DeadLetterQueue } from './dead-letters.ts';

/** Combines queues into one in id order. Each change is made by the queue that has the dead letter. */
export function combineDeadLetters(queues: readonly DeadLetterQueue[]): DeadLetterQueue {
  return {
    list: (filter, afterId) => mergeById(queues.map((queue) => queue.list(filter, afterId))),
    async get(id) {
      for (const queue of queues) {
        const found = await queue.get(id);
        if (found) return found;
      }
      return undefined;
    },
    count: async () => (await Promise.all(queues.map((queue) => queue.count()))).flat(),
    redrive: (id) => changeFirst(queues, (queue) => queue.redrive(id)),
    discard: (id, note) => changeFirst(queues, (queue) => queue.discard(id, note)),
  };
}

async function changeFirst(
  queues: readonly DeadLetterQueue[],
  change: (queue: DeadLetterQueue) => Promise<boolean>,
): Promise<boolean> {
  for (const queue of queues) {
    if (await change(queue)) return true;
  }
  return false;
}
