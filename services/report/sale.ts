import type { OrderVersion } from './order.ts';

/** The sales of an item in a currency. */
export interface Sale {
  readonly sku: string;
  readonly currencyCode: string;
  readonly quantity: bigint;
  /** The number of orders. */
  readonly orderCount: bigint;
  /** In the smallest unit of the currency. It may exceed 64 bits. */
  readonly revenue: bigint;
}

/** Returns the key of the sales of an item in a currency. */
export function saleKey({ sku, currencyCode }: Pick<Sale, 'sku' | 'currencyCode'>): string {
  return `${sku} ${currencyCode}`;
}

/** Returns the sales of orders by key. An item counts once per order, on any number of lines. */
export function salesOf(orders: Iterable<OrderVersion>): Map<string, Sale> {
  const sales = new Map<string, Sale>();
  for (const order of orders) {
    for (const [key, sale] of salesOfOne(order)) {
      const sum = sales.get(key);
      sales.set(key, sum ? addSale(sum, sale) : sale);
    }
  }
  return sales;
}

function salesOfOne({ lines, total: { currencyCode } }: OrderVersion): Map<string, Sale> {
  const sales = new Map<string, Sale>();
  for (const { sku, quantity, unitPrice } of lines) {
    const revenue = BigInt(quantity) * unitPrice;
    const line = { sku, currencyCode, quantity: BigInt(quantity), orderCount: 1n, revenue };
    const sum = sales.get(saleKey(line));
    sales.set(saleKey(line), sum ? { ...addSale(sum, line), orderCount: 1n } : line);
  }
  return sales;
}

/** Returns the sum of two sales of an item in a currency. */
export function addSale(one: Sale, other: Sale): Sale {
  return {
    ...one,
    quantity: one.quantity + other.quantity,
    orderCount: one.orderCount + other.orderCount,
    revenue: one.revenue + other.revenue,
  };
}
