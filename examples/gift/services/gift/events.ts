import { GiftEvent } from '#gen/gift/v1/events.ts';
import { type DomainEvent, defineQueue, defineTopic, type RecordedEvent } from '#mesh';
import type { GiftChange } from './gift.ts';

/** Every change of a gift, keyed by the gift's id. */
export const giftTopic = defineTopic('gift.events', GiftEvent, {
  key: ({ giftId }) => giftId,
  version: ({ version }) => version,
});

/** Returns what consumers get of an event in a gift's stream. */
export function giftEventOf({ type, version, timeMs }: RecordedEvent, _: GiftChange, giftId: string): DomainEvent {
  return giftTopic.event({ type, version, timestamp: new Date(timeMs), giftId });
}

/** Cards to print. */
export const cardQueue = defineQueue<{ readonly giftId: string; readonly greeting: string }>('gift-cards');
