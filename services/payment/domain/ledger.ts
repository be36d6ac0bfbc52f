/** Why money is moved: `transfer` to or from outside, `order` to or from the shop. */
export type Purpose = 'transfer' | 'order';

/** Whether an account is outside the users' accounts. */
export function isOutside(accountId: string): boolean {
  return accountId.startsWith('@');
}

/** Returns the account on the other side of a movement. */
export function counterpartOf(purpose: Purpose, currencyCode: string): string {
  return `${purpose === 'order' ? '@sales' : '@world'}.${currencyCode}`;
}
