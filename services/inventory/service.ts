import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { defineService, serve } from '#mesh';
import { auditStock } from './audits/audit-stock.ts';
import { inventoryTopic } from './events.ts';
import { createInventoryRpc } from './rpc.ts';

export const inventoryService = defineService({
  name: 'inventory',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [inventoryTopic],
  setup: ({ storage, outbox, clock }) => ({
    serves: [serve(InventoryServiceContract, createInventoryRpc({ storage, outbox, clock }))],
    audits: [auditStock(storage)],
  }),
});
