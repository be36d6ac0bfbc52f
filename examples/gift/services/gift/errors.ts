import { defineError, Status } from '#mesh';

export const giftNotFound = defineError({
  reason: 'GIFT_NOT_FOUND',
  code: Status.NOT_FOUND,
  means: 'no gift has this id',
  fix: 'check the id',
  text: ({ id }: { readonly id: string }) => `gift ${id} not found: check the id`,
});

export const giftUnavailable = defineError({
  reason: 'GIFT_UNAVAILABLE',
  code: Status.NOT_FOUND,
  means: 'the item does not exist',
  fix: 'choose an item from the inventory',
  text: ({ sku }: { readonly sku: string }) => `item ${sku} not found: choose another gift`,
});

export const cardTooLong = defineError({
  reason: 'CARD_TOO_LONG',
  code: Status.INVALID_ARGUMENT,
  means: 'a greeting does not fit on a card',
  fix: 'discard the task, or print a larger card and redrive it',
  seenIn: 'dead letters',
  text: ({ giftId }: { readonly giftId: string }) => `greeting of gift ${giftId} does not fit on a card: shorten it`,
});
