import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { defineService, serve } from '#mesh';
import { bestSellers } from './projections/best-sellers.ts';
import { ordersByUser } from './projections/orders-by-user.ts';
import { createReportRpc } from './rpc.ts';
import { recordOrderEvents } from './streams/record-order-events.ts';

export const reportService = defineService({
  name: 'report',
  migrations: new URL('./migrations/', import.meta.url),
  setup: async ({ storage, eventStore, run }) => {
    const projector = await run.projector([ordersByUser, bestSellers]);
    const consumer = await run.consumer(recordOrderEvents({ store: await eventStore() }));
    const isUpToDate = async () => {
      await consumer.check();
      await projector.check();
    };
    return { serves: [serve(OrderReportServiceContract, createReportRpc(storage), { check: isUpToDate })] };
  },
});
