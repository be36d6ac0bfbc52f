import type { InventoryServiceHandlers } from '#gen/inventory/v1/inventory.contract.ts';
import { readPages, type Storage } from '#mesh';
import { adjustStock, createItem, type InventoryDeps } from './change-items.ts';
import { itemToProto, reservationStateFromProto, reservationToProto } from './proto.ts';
import { commitStock, releaseStock, reserveStock } from './reserve-stock.ts';
import { batchGetItems, findItemsAfter, getItem } from './store/item-store.ts';
import { findReservationsAfter, getReservation } from './store/reservation-store.ts';

/** Implements `inventory.v1.InventoryService`. */
export function createInventoryRpc(deps: InventoryDeps & { readonly storage: Storage }): InventoryServiceHandlers {
  const { storage } = deps;
  return {
    createItem: ({ item: { sku, name, unitPrice, onHand } }, { once }) =>
      once(async (tx) => itemToProto(await createItem(tx, { sku, name, unitPrice, onHand }, deps))),

    getItem: async ({ sku }) => itemToProto(await getItem(storage, sku)),

    async batchGetItems({ skus }) {
      const { items, missingSkus } = await batchGetItems(storage, skus);
      return { items: items.map(itemToProto), missingSkus };
    },

    listItems: ({ afterSku, limit }, { signal }) =>
      readPages({
        after: afterSku,
        limit,
        signal,
        fetch: (after, size) => findItemsAfter(storage, after, size),
        cursorOf: (item) => item.sku,
        map: itemToProto,
      }),

    adjustStock: (request, { once }) => once(async (tx) => itemToProto(await adjustStock(tx, request, deps))),

    reserveStock: (request, { once }) => once(async (tx) => reservationToProto(await reserveStock(tx, request, deps))),

    releaseStock: ({ orderId }, { once }) =>
      once(async (tx) => reservationToProto(await releaseStock(tx, orderId, deps))),

    commitStock: ({ orderId }, { once }) =>
      once(async (tx) => reservationToProto(await commitStock(tx, orderId, deps))),

    getReservation: async ({ orderId }) => reservationToProto(await getReservation(storage, orderId)),

    listReservations: ({ afterOrderId, limit, state, owner }, { signal }) =>
      readPages({
        after: afterOrderId,
        limit,
        signal,
        fetch: (after, size) =>
          findReservationsAfter(storage, after, { state: reservationStateFromProto(state), owner }, size),
        cursorOf: (reservation) => reservation.orderId,
        map: reservationToProto,
      }),
  };
}
