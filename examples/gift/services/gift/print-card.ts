import { GiftEvent } from '#gen/gift/v1/events.ts';
import { consume, type Outbox, type Storage } from '#mesh';
import { cardTooLong } from './errors.ts';
import { cardQueue } from './events.ts';
import type { Gifts } from './gift-stream.ts';

const maxLetters = 100;

/** Queues a card for every gift that was sent. */
export function queueCards(gifts: Gifts, storage: Storage, outbox: Outbox) {
  return consume(GiftEvent, {
    group: 'gift-service',
    topic: 'gift.events',
    types: ['GIFT_SENT'],
    handle: async ({ giftId }) => {
      const { state: gift } = await gifts.load(storage, giftId);
      if (!gift) return undefined;
      return (tx) => outbox.addTask(tx, cardQueue.task(giftId, { giftId, greeting: gift.greeting }));
    },
  });
}

/** Prints a card, once. A greeting that does not fit becomes a dead letter. */
export async function printCard(
  { giftId, greeting }: { readonly giftId: string; readonly greeting: string },
  storage: Storage,
): Promise<void> {
  if (greeting.length > maxLetters) throw cardTooLong({ giftId });
  const sql = 'INSERT INTO cards (gift_id, text) VALUES ($1, $2) ON CONFLICT (gift_id) DO NOTHING';
  await storage.execute(sql, [giftId, greeting]);
}
