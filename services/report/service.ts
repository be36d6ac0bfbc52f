import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import { defineService, serve } from '#mesh';
import { bestSellers } from './best-sellers.ts';
import { ordersByUser } from './orders-by-user.ts';
import { recordOrderEvents } from './record-order-event.ts';
import { createReportRpc } from './rpc.ts';

export const reportService = defineService({
  name: 'report',
  migrations: new URL('./migrations/', import.meta.url),
  setup: async ({ storage, eventStore, run, logger }) => {
    const projector = await run.projector([ordersByUser, bestSellers]);
    const consumer = await run.consumer(recordOrderEvents({ store: await eventStore(), logger }));
    const isUpToDate = async () => {
      await consumer.check();
      await projector.check();
    };
    return { serves: [serve(OrderReportServiceContract, createReportRpc(storage), { check: isUpToDate })] };
  },
});
