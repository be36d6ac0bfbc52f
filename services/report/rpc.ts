import type {
  ListBestSellersRequest,
  ListUserOrdersRequest,
  OrderReportServiceImplementation,
} from '#gen/report/v1/report.ts';
import { type MeshCallContext, type Queryable, readPages } from '#mesh';
import { beforeTheBest, pageOfBestSellers } from './best-sellers.ts';
import { pageOfUserOrders } from './orders-by-user.ts';
import { saleToProto, summaryToProto } from './proto.ts';

/** The handlers of `report.v1.OrderReportService`. */
export function createReportRpc(db: Queryable): OrderReportServiceImplementation<MeshCallContext> {
  return {
    listUserOrders: (request, { signal }) => listUserOrders(db, request, signal),
    listBestSellers: (request, { signal }) => listBestSellers(db, request, signal),
  };
}

async function* listUserOrders(db: Queryable, request: ListUserOrdersRequest, signal: AbortSignal) {
  const pages = readPages({
    after: request.afterOrderId,
    limit: request.limit,
    signal,
    fetch: (afterId, size) => pageOfUserOrders(db, request.userId, afterId, size),
    cursorOf: (order) => order.orderId,
  });
  for await (const page of pages) yield* page.map(summaryToProto);
}

async function* listBestSellers(db: Queryable, { limit }: ListBestSellersRequest, signal: AbortSignal) {
  const pages = readPages({
    after: beforeTheBest,
    limit,
    signal,
    fetch: (rank, size) => pageOfBestSellers(db, rank, size),
    cursorOf: (sale) => sale,
  });
  for await (const page of pages) {
    // One by one: those before one that cannot be told of are told of.
    for (const sale of page) yield saleToProto(sale);
  }
}
