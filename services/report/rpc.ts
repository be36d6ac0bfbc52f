import type { OrderReportServiceHandlers } from '#gen/report/v1/report.contract.ts';
import { type Queryable, readPages } from '#mesh';
import { beforeTheBest, pageOfBestSellers } from './projections/best-sellers.ts';
import { pageOfUserOrders } from './projections/orders-by-user.ts';
import { saleToProto, summaryToProto } from './proto.ts';

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
