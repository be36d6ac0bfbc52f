import type { OrderItem } from '#gen/order/v1/order.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { Account, AccountServiceDefinition } from '#gen/payment/v1/payment.ts';
import { type Answer, type Clock, type MeshClient, MeshError, type Money, type Runtime, Status } from '#mesh';
import { type OrderLine, totalOf } from './order.ts';
import { type PriceOrderDeps, priceOrder } from './price-order.ts';

/** What an order would cost, with the balance of its user, for display. */
export interface Quote {
  readonly userId: string;
  readonly lines: readonly OrderLine[];
  readonly total: Money;
  /** `undefined`: the user has no account. */
  readonly balance: Answer<Account> | undefined;
}

export interface QuoteOrderDeps extends PriceOrderDeps {
  readonly balances: Balances;
  readonly clock: Clock;
}

export type Balances = Pick<MeshClient<AccountServiceDefinition, 'getBalance'>, 'getBalance'>;

/** A quote is worth more without a current balance than late. */
const balanceTimeoutMs = 1_000;

/** Returns a client of balances that are for display: up to a minute old while the payment service is unhealthy. */
export function balancesForDisplay(client: Runtime['client']): Balances {
  return client(AccountServiceContract, { fallback: { getBalance: { keepMs: 60_000 } } });
}

/** Prices an order that nobody has placed. Nothing decides by the result: an order is priced and charged by its own saga. */
export async function quoteOrder(
  { userId, items }: { readonly userId: string; readonly items: readonly OrderItem[] },
  deps: QuoteOrderDeps,
): Promise<Quote> {
  const [lines, balance] = await Promise.all([priceOrder(userId, items, deps), balanceOf(userId, deps)]);
  return { userId, lines, total: totalOf(lines), balance };
}

async function balanceOf(accountId: string, { balances, clock }: QuoteOrderDeps): Promise<Quote['balance']> {
  try {
    return await balances.getBalance({ accountId }, { deadline: clock.now() + balanceTimeoutMs });
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) return undefined;
    throw error;
  }
}
