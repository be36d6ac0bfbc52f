import { InventoryServiceContract } from '../../gen/ts/inventory/v1/inventory.contract.ts';
import type { CreateService } from '../../mesh/app/service.ts';
import { createOutbox } from '../../mesh/events/outbox/create-outbox.ts';
import { createIdempotency } from '../../mesh/idempotency/create-idempotency.ts';
import { serve } from '../../mesh/server/serve.ts';
import { loadMigrations } from '../../mesh/storage/migrations.ts';
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
