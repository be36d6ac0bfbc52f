import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  InventoryServiceDefinition,
  Item,
  Reservation,
  ReservationState,
  type ReserveStockRequest,
} from '#gen/inventory/v1/inventory.ts';
import { Status } from '#mesh';
import { type Held, plantOrders, raceMs, refusal } from './planted-orders.ts';
import { type PlantedServer, startPlanted } from './planted-server.ts';

const states = {
  pending: ReservationState.RESERVATION_STATE_UNSPECIFIED,
  done: ReservationState.RESERVATION_STATE_RESERVED,
  undone: ReservationState.RESERVATION_STATE_RELEASED,
  refused: ReservationState.RESERVATION_STATE_UNSPECIFIED,
  committed: ReservationState.RESERVATION_STATE_COMMITTED,
};

type Content = Pick<ReserveStockRequest, 'items' | 'owner'>;

/** An InventoryService that breaks a rule. */
export function startPlantedInventory(breaks?: string): Promise<PlantedServer> {
  const stock = new Map<string, Item>();
  const change = (sku: string, update: (item: Item) => Partial<Item>) => {
    const item = stock.get(sku);
    if (item) stock.set(sku, { ...item, ...update(item) });
  };
  const orders = plantOrders<Content>(
    {
      refusals: {
        undone: 'RESERVATION_RELEASED',
        other: 'RESERVATION_EXISTS',
        unknown: 'RESERVATION_NOT_FOUND',
        committed: 'RESERVATION_COMMITTED',
      },
      isCounted: true,
      keepsRefused: false,
      refuse({ items }) {
        if (items.some(({ sku }) => !stock.has(sku))) return refusal('ITEM_NOT_FOUND', Status.NOT_FOUND);
        const shortages = items.flatMap(({ sku, quantity }) => {
          const available = (stock.get(sku)?.onHand ?? 0n) - (stock.get(sku)?.reserved ?? 0n);
          return available < quantity ? [[sku, `${quantity}/${available}`] as const] : [];
        });
        const metadata = breaks === 'shortage-explained' ? {} : Object.fromEntries(shortages);
        return shortages.length === 0 ? undefined : refusal('INSUFFICIENT_STOCK', undefined, metadata);
      },
      apply({ items }, sign) {
        for (const { sku, quantity } of items)
          change(sku, ({ reserved }) => ({ reserved: reserved + BigInt(sign) * quantity }));
      },
    },
    breaks,
  );
  const requireValid = (isValid: boolean) => {
    if (!isValid && breaks !== 'invalid-requests') throw refusal('INVALID_FIELD', Status.INVALID_ARGUMENT);
  };
  const toProto = ({ orderId, state, content }: Held<Content>): Reservation =>
    Reservation.fromPartial({
      orderId,
      state: states[state],
      items: content?.items ?? [],
      owner: content?.owner ?? '',
    });
  const itemOf = (sku: string): Item => {
    const item = stock.get(sku);
    if (!item) throw refusal('ITEM_NOT_FOUND', Status.NOT_FOUND);
    return item;
  };

  async function commit(orderId: string): Promise<Held<Content>> {
    const order = orders.all.get(orderId);
    if (!order) throw refusal('RESERVATION_NOT_FOUND', Status.NOT_FOUND);
    const isReserved = order.state === 'done';
    if (breaks === 'commit-or-release') await sleep(raceMs);
    const mayCommit = breaks === 'commit-or-release' ? isReserved : order.state === 'done';
    const takesAgain = breaks === 'commit-once' && order.state === 'committed';
    if (order.state === 'committed' && !takesAgain) return order;
    if (!mayCommit && !takesAgain) {
      if (breaks !== 'commit-needs-reservation') throw refusal('RESERVATION_RELEASED');
      return { ...order, state: 'committed' };
    }
    order.state = 'committed';
    for (const { sku, quantity } of order.content?.items ?? []) {
      change(sku, ({ onHand, reserved }) => ({
        onHand: onHand - quantity,
        reserved: takesAgain ? reserved : reserved - quantity,
      }));
    }
    return order;
  }

  return startPlanted(
    (server) =>
      server.add(InventoryServiceDefinition, {
        async createItem({ item }) {
          if (breaks === 'no-items') throw refusal('', Status.UNIMPLEMENTED);
          stock.set(item?.sku ?? '', Item.fromPartial({ ...item, reserved: 0n }));
          return itemOf(item?.sku ?? '');
        },
        getItem: async ({ sku }) => itemOf(sku),
        async batchGetItems({ skus }) {
          const missingSkus = breaks === 'item-prices' ? [] : skus.filter((sku) => !stock.has(sku));
          return { items: skus.flatMap((sku) => stock.get(sku) ?? []), missingSkus };
        },
        listItems: () => Readable.from([]),
        async adjustStock({ sku, delta }) {
          change(sku, ({ onHand }) => ({ onHand: onHand + delta }));
          return itemOf(sku);
        },
        async reserveStock({ requestId, orderId, items, owner }, { signal }) {
          const isDistinct = new Set(items.map(({ sku }) => sku)).size === items.length;
          const isPositive = items.length > 0 && items.every(({ quantity }) => quantity > 0n);
          requireValid(orderId !== '' && isDistinct && isPositive);
          return toProto(await orders.run(orderId, { items, owner }, { requestId, signal }));
        },
        async releaseStock({ requestId, orderId }, { signal }) {
          requireValid(orderId !== '');
          return toProto(await orders.undo(orderId, { requestId, signal }));
        },
        commitStock: async ({ requestId, orderId }) =>
          toProto(await orders.once('commit', orderId, requestId, () => commit(orderId))),
        getReservation: async ({ orderId }) => toProto(orders.read(orderId)),
        async *listReservations({ afterOrderId, owner }) {
          const listed = [...orders.all.values()].filter(({ orderId }) => orderId > afterOrderId);
          const known = breaks === 'reservations-listed' ? listed.filter(({ content }) => content) : listed;
          const owned =
            breaks === 'reservations-by-owner'
              ? known
              : known.filter((one) => owner === '' || one.content?.owner === owner);
          const byLocale = new Intl.Collator('en').compare;
          const byBytes = (left: string, right: string) => (left < right ? -1 : 1);
          const compare = breaks === 'byte-order' ? byLocale : byBytes;
          yield* owned.sort((left, right) => compare(left.orderId, right.orderId)).map(toProto);
        },
      }),
    orders.restart,
  );
}
