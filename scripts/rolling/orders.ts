import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { counts } from '../load/prepare.ts';
import { type Caller, createTally } from './callers.ts';
import type { Placed } from './effects.ts';

/** Clients of what an order changes. */
export function connectShop({ client }: Pick<ClientFactory, 'client'>) {
  return {
    orders: client(OrderServiceContract),
    inventory: client(InventoryServiceContract),
    accounts: client(AccountServiceContract),
    shipping: client(ShippingServiceContract),
    notifications: client(NotificationServiceContract),
    deadLetters: client(DeadLetterServiceContract),
    audits: client(AuditServiceContract),
  };
}

export type OrderShop = ReturnType<typeof connectShop>;

/** Places orders until it is ended. */
export interface OrderCaller extends Caller {
  /** The ids that PlaceOrder returned so far, and how many of its calls failed. */
  placed(): Placed;
}

/** An order as its user places it. */
export type NewOrder = ReturnType<typeof orderOf>;

/** Places orders at a fixed rate, as `load/place-order.json` does. `place` resolves with what was placed. */
export function startOrders(
  name: string,
  placeOrder: (order: NewOrder) => Promise<{ readonly id: string }>,
  perSecond: number,
): OrderCaller {
  const tally = createTally();
  const ids: string[] = [];
  let failedCalls = 0;
  const calls = new Set<Promise<void>>();
  let isOver = false;
  const place = async (index: number) => {
    try {
      const { id } = await placeOrder(orderOf(index));
      ids.push(id);
      tally.note();
    } catch (error) {
      failedCalls += 1;
      tally.note(error);
    }
  };
  const working = (async () => {
    for (let index = 0; !isOver; index += 1) {
      const call = place(index).finally(() => calls.delete(call));
      calls.add(call);
      await sleep(1_000 / perSecond);
    }
  })();
  return {
    name,
    placed: () => ({ ids, failedCalls }),
    async end() {
      isOver = true;
      await working;
      await Promise.all(calls);
      return tally.seen();
    },
  };
}

function orderOf(index: number) {
  return {
    requestId: randomUUID(),
    userId: `load-${index % counts.accounts}`,
    items: [{ sku: `load-${index % counts.items}`, quantity: 2, unitPrice: undefined }],
    shippingAddress: {
      recipient: 'Ada',
      lines: ['Main Street 1'],
      city: 'Town',
      postalCode: '12345',
      countryCode: 'DE',
    },
  };
}
