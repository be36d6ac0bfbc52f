import {
  InventoryServiceDefinition,
  type InventoryServiceImplementation,
  type Item as ItemMessage,
} from '#gen/inventory/v1/inventory.ts';
import { type Idempotency, type MeshCallContext, repeatable, type Storage } from '#mesh';
import { adjustStock } from './adjust-stock.ts';
import { commitStock } from './commit-stock.ts';
import { type ChangingInventory, createItem } from './create-item.ts';
import type { ItemDraft } from './domain/item.ts';
import { itemToProto, reservationStateFromProto, reservationToProto } from './proto.ts';
import { batchGetItems, getItem, getReservation, listItems, listReservations } from './read-inventory.ts';
import { releaseStock } from './release-stock.ts';
import { reserveStock } from './reserve-stock.ts';

const { methods } = InventoryServiceDefinition;
const creation = repeatable(InventoryServiceDefinition, methods.createItem);
const adjustment = repeatable(InventoryServiceDefinition, methods.adjustStock);
const reservation = repeatable(InventoryServiceDefinition, methods.reserveStock);
const release = repeatable(InventoryServiceDefinition, methods.releaseStock);
const commitment = repeatable(InventoryServiceDefinition, methods.commitStock);

/** What the handlers stand on. */
export interface InventoryRpcDeps extends ChangingInventory {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
}

/** The handlers of `inventory.v1.InventoryService`. */
export function createInventoryRpc(deps: InventoryRpcDeps): InventoryServiceImplementation<MeshCallContext> {
  const { storage, idempotency } = deps;
  return {
    createItem: (request) =>
      idempotency.once(creation, request, async (tx) => itemToProto(await createItem(tx, toDraft(request.item), deps))),

    getItem: async ({ sku }) => itemToProto(await getItem(storage, sku)),

    async batchGetItems({ skus }) {
      const { items, missingSkus } = await batchGetItems(storage, skus);
      return { items: items.map(itemToProto), missingSkus };
    },

    async *listItems(request, { signal }) {
      for await (const page of listItems(storage, request, signal)) {
        for (const item of page) yield itemToProto(item);
      }
    },

    adjustStock: (request) =>
      idempotency.once(adjustment, request, async (tx) => itemToProto(await adjustStock(tx, request, deps))),

    reserveStock: (request) =>
      idempotency.once(reservation, request, async (tx) => reservationToProto(await reserveStock(tx, request, deps))),

    releaseStock: (request) =>
      idempotency.once(release, request, async (tx) =>
        reservationToProto(await releaseStock(tx, request.orderId, deps)),
      ),

    commitStock: (request) =>
      idempotency.once(commitment, request, async (tx) =>
        reservationToProto(await commitStock(tx, request.orderId, deps)),
      ),

    getReservation: async ({ orderId }) => reservationToProto(await getReservation(storage, orderId)),

    async *listReservations({ state, ...range }, { signal }) {
      const list = { ...range, state: reservationStateFromProto(state) };
      for await (const page of listReservations(storage, list, signal)) {
        for (const held of page) yield reservationToProto(held);
      }
    },
  };
}

function toDraft(item: ItemMessage | undefined): ItemDraft {
  return {
    sku: item?.sku ?? '',
    name: item?.name ?? '',
    unitPrice: item?.unitPrice ?? { currencyCode: '', minorUnits: 0n },
    onHand: item?.onHand ?? 0n,
  };
}
