import type { OrderVersion } from './order.ts';

/** How much of an item was sold in a currency. */
export interface Sale {
  readonly sku: string;
  readonly currencyCode: string;
  readonly quantity: bigint;
  /** In how many orders. */
  readonly orderCount: bigint;
  /** In the smallest unit of the currency. It may be beyond 64 bits. */
  readonly revenue: bigint;
}

/** What tells the sales of an item in a currency from all others. */
export function saleKey({ sku, currencyCode }: Pick<Sale, 'sku' | 'currencyCode'>): string {
  return `${sku} ${currencyCode}`;
}

/** What orders sold, by its keys: an item once an order, on however many of its lines it stands. */
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

/** What two sales of an item in a currency come to. */
export function addSale(one: Sale, other: Sale): Sale {
  return {
    ...one,
    quantity: one.quantity + other.quantity,
    orderCount: one.orderCount + other.orderCount,
    revenue: one.revenue + other.revenue,
  };
}
