import { OrderReportServiceContract } from '#gen/report/v1/report.contract.ts';
import {
  type CreateService,
  createEventConsumer,
  createEventStore,
  createProjector,
  loadMigrations,
  projectionAudits,
  serve,
} from '#mesh';
import { bestSellers } from './best-sellers.ts';
import { ordersByUser } from './orders-by-user.ts';
import { recordOrderEvents } from './record-order-event.ts';
import { createReportRpc } from './rpc.ts';

/** Wires the report service. */
export const createReportService: CreateService = async (runtime) => {
  const { clock, logger, metrics, events } = runtime;
  const storage = await runtime.openStorage('report');
  await storage.migrate('report', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const store = await createEventStore(storage, { clock });
  const projections = [ordersByUser, bestSellers];
  const projector = await createProjector({ service: 'report', storage, store, projections, clock, logger, metrics });
  const handler = recordOrderEvents({ store, logger });
  const consumer = await createEventConsumer({ events, storage, handler, clock, logger });
  const isUpToDate = async () => {
    await consumer.check();
    await projector.check();
  };
  return {
    name: 'report',
    serves: [serve(OrderReportServiceContract, createReportRpc(storage), { check: isUpToDate })],
    deadLetters: [consumer.deadLetters, projector.deadLetters],
    projections: [projector.admin],
    audits: projectionAudits(projector.names, projector.admin),
    start: async () => {
      await projector.start();
      await consumer.start();
    },
    stop: async (graceMs) => {
      await consumer.stop(graceMs);
      await projector.stop();
    },
    check: () => storage.check(),
  };
};
