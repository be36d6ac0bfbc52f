import { OrderState } from '#gen/order/v1/order.ts';
import type { OrderReportServiceHandlers } from '#gen/report/v1/report.contract.ts';
import type { BestSeller, OrderSummary as ProtoSummary } from '#gen/report/v1/report.ts';
import { isInt64, type Queryable, readPages } from '#mesh';
import { revenueTooLarge } from './errors.ts';
import { beforeTheBest, pageOfBestSellers } from './projections/best-sellers.ts';
import { type OrderSummary, pageOfUserOrders } from './projections/orders-by-user.ts';
import type { Sale } from './sale.ts';

/** Implements `report.v1.OrderReportService`. */
export function createReportRpc(db: Queryable): OrderReportServiceHandlers {
  return {
    listUserOrders: ({ userId, afterOrderId, limit }, { signal }) =>
      readPages({
        after: afterOrderId,
        limit,
        signal,
        fetch: (afterId, size) => pageOfUserOrders(db, userId, afterId, size),
        cursorOf: (order) => order.orderId,
        map: summaryToProto,
      }),

    listBestSellers: ({ limit }, { signal }) =>
      readPages({
        after: beforeTheBest,
        limit,
        signal,
        fetch: (rank, size) => pageOfBestSellers(db, rank, size),
        cursorOf: (sale) => sale,
        map: saleToProto,
      }),
  };
}

function summaryToProto({ createTimeMs, updateTimeMs, state, ...summary }: OrderSummary): ProtoSummary {
  return {
    ...summary,
    state: OrderState[`ORDER_STATE_${state}`],
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
  };
}

/** Throws OUT_OF_RANGE `REVENUE_TOO_LARGE` if the revenue does not fit into the contract's 64 bits. */
function saleToProto({ sku, currencyCode, quantity, orderCount, revenue }: Sale): BestSeller {
  if (!isInt64(revenue)) throw revenueTooLarge({ sku, currencyCode, revenue });
  return { sku, quantity, orderCount, revenue: { currencyCode, minorUnits: revenue } };
}
