import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { type CreateService, createIdempotency, createOutbox, loadMigrations, serve } from '#mesh';
import { auditStock } from './audits/audit-stock.ts';
import { inventoryTopic } from './events.ts';
import { createInventoryRpc } from './rpc.ts';

/** Wires the inventory service. */
export const createInventoryService: CreateService = async (runtime) => {
  const { events, tasks, clock, logger } = runtime;
  const storage = await runtime.openStorage('inventory');
  await storage.migrate('inventory', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const source = '//ordermesh/inventory';
  const outbox = await createOutbox({ storage, events, tasks, source, topics: [inventoryTopic], clock, logger });
  const idempotency = await createIdempotency(storage, { clock });
  return {
    name: 'inventory',
    serves: [serve(InventoryServiceContract, createInventoryRpc({ storage, idempotency, outbox, clock }))],
    deadLetters: [outbox.deadLetters],
    audits: [auditStock(storage)],
    start: () => outbox.start(),
    stop: (graceMs) => outbox.stop(graceMs),
    check: () => storage.check(),
  };
};
