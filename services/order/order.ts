import { type Address, isInt64, type Money } from '#mesh';
import { amountTooLarge, itemsOfDifferentCurrencies } from './errors.ts';

/** The states of an order, as in the contract. */
export const orderStates = [
  'PENDING',
  'RESERVED',
  'PAID',
  'SHIPPED',
  'COMPLETED',
  'COMPENSATING',
  'FAILED',
  'CANCELLED',
  'NEEDS_ATTENTION',
] as const;
export type OrderState = (typeof orderStates)[number];

const terminalStates: ReadonlySet<OrderState> = new Set<OrderState>(['COMPLETED', 'FAILED', 'CANCELLED']);

export interface OrderLine {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: Money;
}

export interface OrderFailure {
  readonly reason: string;
  readonly message: string;
}

/** Times are in milliseconds since the epoch. */
export interface Order {
  readonly id: string;
  readonly userId: string;
  readonly lines: readonly OrderLine[];
  readonly total: Money;
  readonly state: OrderState;
  readonly failure: OrderFailure | undefined;
  readonly paymentId: string;
  readonly shipmentId: string;
  readonly shippingAddress: Address;
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

export interface OrderDraft {
  readonly id: string;
  readonly userId: string;
  readonly lines: readonly OrderLine[];
  readonly shippingAddress: Address;
  readonly timeMs: number;
}

/** Whether an order in this state no longer changes. */
export function isTerminal(state: OrderState): boolean {
  return terminalStates.has(state);
}

export function etagOf({ version }: Order): string {
  return version.toString();
}

/** Returns a new order in PENDING, with its total. Refuses lines of different currencies and a total beyond int64. */
export function newOrder(draft: OrderDraft): Order {
  return {
    id: draft.id,
    userId: draft.userId,
    lines: draft.lines,
    total: totalOf(draft.lines),
    state: 'PENDING',
    failure: undefined,
    paymentId: '',
    shipmentId: '',
    shippingAddress: draft.shippingAddress,
    version: 1n,
    createTimeMs: draft.timeMs,
    updateTimeMs: draft.timeMs,
  };
}

/** Returns the sum of all lines. Refuses lines of different currencies and a total beyond int64. */
export function totalOf(lines: readonly OrderLine[]): Money {
  const currencies = [...new Set(lines.map((line) => line.unitPrice.currencyCode))];
  const [currencyCode] = currencies;
  if (currencyCode === undefined || currencies.length > 1) throw itemsOfDifferentCurrencies({ currencies });
  const minorUnits = lines.reduce((sum, line) => sum + line.unitPrice.minorUnits * BigInt(line.quantity), 0n);
  if (!isInt64(minorUnits)) throw amountTooLarge();
  return { currencyCode, minorUnits };
}
