import { type AggregateDefinition, type Aggregates, defineEventTypes, moneyFromJson, moneyToJson } from '#mesh';
import { evolveGift, type Gift, type GiftChange } from './gift.ts';

/** Gifts as streams of events. */
export const giftDefinition = {
  category: 'gift',
  events: defineEventTypes<GiftChange>({
    GIFT_ORDERED: {
      encode: ({ gift }) => ({ ...gift, price: moneyToJson(gift.price) }),
      decode: ({ senderId, sku, price, greeting }) => ({
        type: 'GIFT_ORDERED',
        gift: {
          senderId: String(senderId),
          sku: String(sku),
          price: moneyFromJson(price),
          greeting: String(greeting),
        },
      }),
    },
    GIFT_SENT: { encode: () => ({}), decode: () => ({ type: 'GIFT_SENT' }) },
    GIFT_FAILED: { encode: () => ({}), decode: () => ({ type: 'GIFT_FAILED' }) },
  }),
  evolve: (gift, change, _event, id) => evolveGift(gift, id, change),
} satisfies AggregateDefinition<Gift, GiftChange>;

export type Gifts = Aggregates<Gift, GiftChange>;
