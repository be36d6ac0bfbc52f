import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import { isTerminal, newOrder, type OrderLine, orderStates } from './order.ts';

const shippingAddress = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '', countryCode: 'DE' };

function orderOf(...lines: OrderLine[]) {
  return newOrder({ id: 'order-1', userId: 'ada', lines, shippingAddress, timeMs: 1 });
}

function line(sku: string, quantity: number, minorUnits: bigint, currencyCode = 'USD'): OrderLine {
  return { sku, quantity, unitPrice: { currencyCode, minorUnits } };
}

describe('a new order', () => {
  it('is PENDING, at version 1, and costs the sum of its lines', () => {
    const order = orderOf(line('a', 3, 1999n), line('b', 1, 1n));
    expect(order).toMatchObject({ state: 'PENDING', version: 1n, total: { currencyCode: 'USD', minorUnits: 5998n } });
  });

  it('may cost the maximum int64, and no more', () => {
    const greatest = 2n ** 63n - 1n;
    expect(orderOf(line('a', 1, greatest)).total.minorUnits).toBe(greatest);
    const tooMuch = expect.objectContaining({ code: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD' });
    expect(() => orderOf(line('a', 1, greatest), line('b', 1, 1n))).toThrow(tooMuch);
    expect(() => orderOf(line('a', 1_000_000, greatest))).toThrow(tooMuch);
  });

  it('has one currency', () => {
    const mixed = () => orderOf(line('a', 1, 1n, 'USD'), line('b', 1, 1n, 'EUR'), line('c', 1, 1n, 'USD'));
    expect(mixed).toThrow(
      expect.objectContaining({ reason: 'CURRENCY_MISMATCH', metadata: { currencies: 'USD,EUR' } }),
    );
  });
});

describe('the life of an order', () => {
  it('ends in COMPLETED, FAILED and CANCELLED, and nowhere else', () => {
    expect(orderStates.filter(isTerminal)).toEqual(['COMPLETED', 'FAILED', 'CANCELLED']);
  });
});
