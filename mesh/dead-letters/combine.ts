import { mergeById } from '../iterables/merge-by-id.ts';
import type { DeadLetterQueue } from './dead-letters.ts';

/** Makes one list of the boxes of many owners: in id order, each change done by the owner that has the letter. */
export function combineDeadLetters(boxes: readonly DeadLetterQueue[]): DeadLetterQueue {
  return {
    list: (filter, afterId) => mergeById(boxes.map((box) => box.list(filter, afterId))),
    async get(id) {
      for (const box of boxes) {
        const letter = await box.get(id);
        if (letter) return letter;
      }
      return undefined;
    },
    redrive: (id) => firstOwner(boxes, (box) => box.redrive(id)),
    discard: (id, note) => firstOwner(boxes, (box) => box.discard(id, note)),
  };
}

async function firstOwner(
  boxes: readonly DeadLetterQueue[],
  change: (box: DeadLetterQueue) => Promise<boolean>,
): Promise<boolean> {
  for (const box of boxes) {
    if (await change(box)) return true;
  }
  return false;
}
