import { type Queryable, type Row, tableProjection } from '#mesh';
import { evolveGift, type Gift } from './gift.ts';
import { giftDefinition } from './gift-stream.ts';

interface GiftRow extends Row {
  readonly id: string;
  readonly sender_id: string;
  readonly sku: string;
  readonly currency_code: string;
  readonly price: bigint;
  readonly greeting: string;
  readonly state: Gift['state'];
}

/** All gifts. */
export const giftList = tableProjection({
  name: 'gift-list',
  version: 1,
  of: giftDefinition,
  table: 'gift_list',
  key: ['id'],
  values: ['sender_id', 'sku', 'currency_code', 'price', 'greeting', 'state'],
  keyOf: ({ id }) => [id],
  evolve: (gift: Gift | undefined, { id, body }) => evolveGift(gift, id, body),
  encode: ({ senderId, price, ...gift }: Gift): GiftRow => ({
    ...gift,
    sender_id: senderId,
    currency_code: price.currencyCode,
    price: price.minorUnits,
  }),
  decode: ({ sender_id, currency_code, price, ...row }: GiftRow): Gift => ({
    ...row,
    senderId: sender_id,
    price: { currencyCode: currency_code, minorUnits: price },
  }),
});

/** A page of a sender's gifts after an id, in id order. */
export function pageOfGifts(db: Queryable, senderId: string, afterId: string, size: number): Promise<Gift[]> {
  return giftList.select(db, 'WHERE sender_id = $1 AND id > $2 ORDER BY id LIMIT $3', [senderId, afterId, size]);
}
