import { describe, expect, it } from 'vitest';
import type { OrderLine, OrderVersion } from './order.ts';
import { addSale, type Sale, salesOf } from './sale.ts';

function order(currencyCode: string, ...lines: readonly OrderLine[]): OrderVersion {
  const total = { currencyCode, minorUnits: 0n };
  return { orderVersion: 5n, userId: 'ada', state: 'COMPLETED', total, lines, createTimeMs: 0, updateTimeMs: 0 };
}

const lamp = (quantity: number, unitPrice = 100n): OrderLine => ({ sku: 'lamp', quantity, unitPrice });

describe('a summary of sales', () => {
  it('sums the sales of each item', () => {
    const bulb: OrderLine = { sku: 'bulb', quantity: 1, unitPrice: 5n };
    const sales = salesOf([order('USD', lamp(2), bulb), order('USD', lamp(1, 90n))]);
    expect([...sales]).toEqual([
      ['lamp USD', { sku: 'lamp', currencyCode: 'USD', quantity: 3n, orderCount: 2n, revenue: 290n }],
      ['bulb USD', { sku: 'bulb', currencyCode: 'USD', quantity: 1n, orderCount: 1n, revenue: 5n }],
    ]);
  });

  it('adds new sales to earlier ones', () => {
    const before: Sale = { sku: 'lamp', currencyCode: 'USD', quantity: 5n, orderCount: 3n, revenue: 450n };
    const sold: Sale = { ...before, quantity: 2n, orderCount: 1n, revenue: 200n };
    expect(addSale(before, sold)).toEqual({ ...before, quantity: 7n, orderCount: 4n, revenue: 650n });
  });

  it('counts an order once for an item on several of its lines', () => {
    const sales = salesOf([order('USD', lamp(2), lamp(3, 50n))]);
    expect([...sales.values()]).toMatchObject([{ quantity: 5n, orderCount: 1n, revenue: 350n }]);
  });

  it('separates the currencies', () => {
    const sales = salesOf([order('USD', lamp(2)), order('EUR', lamp(1))]);
    expect([...sales.values()]).toMatchObject([
      { sku: 'lamp', currencyCode: 'USD', revenue: 200n },
      { sku: 'lamp', currencyCode: 'EUR', revenue: 100n },
    ]);
  });

  it('supports revenue beyond 64 bits', () => {
    const sales = salesOf([order('USD', lamp(1_000_000, 2n ** 62n))]);
    expect(sales.get('lamp USD')?.revenue).toBe(2n ** 62n * 1_000_000n);
  });
});
