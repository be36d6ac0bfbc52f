import type { Money } from '#mesh';

/** An item that one user sends to another. */
export interface Gift {
  readonly id: string;
  readonly senderId: string;
  readonly sku: string;
  readonly price: Money;
  readonly greeting: string;
  readonly state: 'ORDERED' | 'SENT' | 'FAILED';
}

/** What can happen to a gift. */
export type GiftChange =
  | { readonly type: 'GIFT_ORDERED'; readonly gift: Omit<Gift, 'id' | 'state'> }
  | { readonly type: 'GIFT_SENT' }
  | { readonly type: 'GIFT_FAILED' };

/** Returns the gift after a change. */
export function evolveGift(gift: Gift | undefined, id: string, change: GiftChange): Gift {
  if (change.type === 'GIFT_ORDERED') return { ...change.gift, id, state: 'ORDERED' };
  if (!gift) throw new Error(`gift ${id} has no first event`);
  return { ...gift, state: change.type === 'GIFT_SENT' ? 'SENT' : 'FAILED' };
}
