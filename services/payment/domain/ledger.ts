/** What money is moved for: to and from the outside, or to and from the shop for an order. */
export type Purpose = 'transfer' | 'order';

/** Whether an account is one of those outside of the users' accounts. */
export function isOutside(accountId: string): boolean {
  return accountId.startsWith('@');
}

/** The account on the other side of a movement. */
export function counterpartOf(purpose: Purpose, currencyCode: string): string {
  return `${purpose === 'order' ? '@sales' : '@world'}.${currencyCode}`;
}
