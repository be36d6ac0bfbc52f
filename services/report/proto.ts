import { OrderState } from '#gen/order/v1/order.ts';
import type { BestSeller, OrderSummary as ProtoSummary } from '#gen/report/v1/report.ts';
import { isInt64 } from '#mesh';
import { revenueTooLarge } from './errors.ts';
import type { OrderSummary } from './projections/orders-by-user.ts';
import type { Sale } from './sale.ts';

export function summaryToProto({ createTimeMs, updateTimeMs, state, ...summary }: OrderSummary): ProtoSummary {
  return {
    ...summary,
    state: OrderState[`ORDER_STATE_${state}`],
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
  };
}

/** Throws OUT_OF_RANGE `REVENUE_TOO_LARGE` if the revenue does not fit into the contract's 64 bits. */
export function saleToProto({ sku, currencyCode, quantity, orderCount, revenue }: Sale): BestSeller {
  if (!isInt64(revenue)) throw revenueTooLarge({ sku, currencyCode, revenue });
  return { sku, quantity, orderCount, revenue: { currencyCode, minorUnits: revenue } };
}
