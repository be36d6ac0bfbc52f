import { Status } from 'nice-grpc';
import { InventoryServiceDefinition as service } from '#gen/inventory/v1/inventory.ts';
import { type Answer, type Caller, isOk, settle } from '../caller.ts';
import { attemptEach, summary } from '../clean-up.ts';
import type { Effect, Participant, Refusal, TestOrder } from '../participant.ts';
import { expectOk, expectPrepared, newRequestId } from '../rule.ts';
import type { TestData } from '../test-data.ts';
import { inventoryRules } from './inventory-rules.ts';

const { createItem, getItem, adjustStock, reserveStock, releaseStock, commitStock, getReservation } = service.methods;

const price = { currencyCode: 'USD', minorUnits: 1999n };

/** How many of an item an order needs. */
interface Line {
  readonly sku: string;
  readonly quantity: bigint;
}

/** An item as the rules read it: its response leaves out what is 0. */
export interface Stock {
  readonly onHand: bigint;
  readonly reserved: bigint;
}

/** What the rules of the inventory use, in addition to those of every contract. */
export interface InventoryTest {
  readonly caller: Caller;
  readonly data: TestData;
  readonly refusals: typeof refusals;
  /** Creates an item and returns its sku. */
  newItem(onHand: bigint): Promise<string>;
  newOrder(lines: readonly Line[], of?: { readonly orderId?: string; readonly owner?: string }): TestOrder;
  commit(order: TestOrder, requestId: string): Promise<Answer>;
  stockOf(sku: string): Promise<Stock>;
}

const refusals = {
  undone: { code: Status.FAILED_PRECONDITION, reason: 'RESERVATION_RELEASED' },
  other: { code: Status.ALREADY_EXISTS, reason: 'RESERVATION_EXISTS' },
  unknown: { code: Status.NOT_FOUND, reason: 'RESERVATION_NOT_FOUND' },
  committed: { code: Status.FAILED_PRECONDITION, reason: 'RESERVATION_COMMITTED' },
  unknownItem: { code: Status.NOT_FOUND, reason: 'ITEM_NOT_FOUND' },
  insufficientStock: { code: Status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_STOCK' },
} satisfies Record<string, Refusal>;

/** `inventory.v1.InventoryService`. */
export function inventoryParticipant(caller: Caller, data: TestData): Participant {
  const skus: string[] = [];

  async function newItem(onHand: bigint): Promise<string> {
    const item = {
      sku: data.newId(),
      name: 'Test item',
      unitPrice: price,
      onHand,
      reserved: 0n,
      updateTime: undefined,
      etag: '',
    };
    const requestId = newRequestId();
    expectPrepared(await settle(() => caller.call(service, createItem, { requestId, item })));
    skus.push(item.sku);
    return item.sku;
  }

  async function stockOf(sku: string): Promise<Stock> {
    return toStock(expectOk(await settle(() => caller.call(service, getItem, { sku })), 'the item exists'));
  }

  /** Takes the stock of an item out that is not reserved, with one attempt. */
  async function isEmptied(sku: string): Promise<boolean> {
    const item = await caller.call(service, getItem, { sku });
    const { onHand, reserved } = toStock(item);
    if (!isOk(item) || onHand <= reserved) return isOk(item);
    const request = { requestId: newRequestId(), sku, delta: reserved - onHand, reason: 'end of verify-participant' };
    return isOk(await caller.call(service, adjustStock, request));
  }

  function newOrder(lines: readonly Line[], { orderId = data.newId(), owner = '' } = {}): TestOrder {
    const reserve =
      (items: readonly Line[], other = owner) =>
      (requestId: string) =>
        caller.call(service, reserveStock, { requestId, orderId, items: [...items], owner: other });
    return data.track({
      id: orderId,
      run: (requestId, options) =>
        caller.call(service, reserveStock, { requestId, orderId, items: [...lines], owner }, options),
      runOther: [reserve(lines.map(({ sku, quantity }) => ({ sku, quantity: quantity + 1n }))), reserve(lines, 'gift')],
      undo: (requestId, options) => caller.call(service, releaseStock, { requestId, orderId }, options),
      read: () => caller.call(service, getReservation, { orderId }),
      async observe(): Promise<Effect> {
        const known = lines.filter(({ sku }) => skus.includes(sku));
        const held = await Promise.all(known.map(async (line) => ({ ...line, ...(await stockOf(line.sku)) })));
        const times = held.map(({ reserved, quantity }) => Number(reserved) / Number(quantity));
        const text = held.map(
          ({ sku, reserved, quantity }) => `item ${sku} has ${reserved} reserved, the order has ${quantity}`,
        );
        return { times: times.find((one) => one !== times[0]) ?? times[0] ?? 0, text: text.join('; ') };
      },
    });
  }

  const test: InventoryTest = {
    caller,
    data,
    refusals,
    newItem,
    newOrder,
    stockOf,
    commit: ({ id }, requestId) => caller.call(service, commitStock, { requestId, orderId: id }),
  };
  const reserve = (items: readonly Line[], orderId = data.newId()) =>
    caller.call(service, reserveStock, { requestId: newRequestId(), orderId, items: [...items] });
  const line = { sku: 'verify', quantity: 1n };
  return {
    contract: 'inventory',
    run: reserveStock.name,
    undo: releaseStock.name,
    read: getReservation.name,
    states: { done: 'RESERVATION_STATE_RESERVED', undone: 'RESERVATION_STATE_RELEASED' },
    refusals,
    hasId: false,
    refusedOrders: [
      {
        why: 'one of two items does not exist',
        refusal: refusals.unknownItem,
        newOrder: async () =>
          newOrder([
            { sku: await newItem(10n), quantity: 3n },
            { sku: data.newId(), quantity: 1n },
          ]),
      },
      {
        why: 'one of two items is short',
        refusal: refusals.insufficientStock,
        newOrder: async () =>
          newOrder([
            { sku: await newItem(10n), quantity: 3n },
            { sku: await newItem(2n), quantity: 5n },
          ]),
      },
    ],
    invalidRequests: [
      { why: 'no order_id', call: () => reserve([line], '') },
      { why: 'no items', call: () => reserve([]) },
      { why: 'a quantity of 0', call: () => reserve([{ ...line, quantity: 0n }]) },
      { why: 'a sku twice', call: () => reserve([line, line]) },
      { why: 'no order_id', call: () => caller.call(service, releaseStock, { requestId: newRequestId() }) },
    ],
    rules: inventoryRules(test),
    probe: () => caller.call(service, getReservation, { orderId: data.newId() }),
    newOrder: async () => newOrder([{ sku: await newItem(10n), quantity: 3n }]),
    async cleanUp(endMs) {
      const left = await attemptEach(skus, isEmptied, endMs);
      const full = left.length === 0 ? '' : `, items with stock: ${summary(left)}`;
      const emptied = skus.length - left.length;
      return `${emptied} items without stock${full}, and ended reservations, with ids ${data.prefix}-…`;
    },
  };
}

function toStock({ response }: Answer): Stock {
  return { onHand: BigInt(`${response.onHand ?? 0}`), reserved: BigInt(`${response.reserved ?? 0}`) };
}
