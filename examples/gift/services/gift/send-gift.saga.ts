import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import type { PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { type Client, type Clock, saga } from '#mesh';
import type { Gift } from './gift.ts';
import type { Gifts } from './gift-stream.ts';

interface Deps {
  readonly inventory: Client<InventoryServiceDefinition>;
  readonly payments: Client<PaymentServiceDefinition>;
  readonly gifts: Gifts;
  readonly clock: Clock;
}

/** The owner of what it charges and reserves, as audits name it. */
const owner = 'gift';

/** Sends a gift: reserve the item, charge the sender, take the item out of stock. */
export function sendGiftSaga({ inventory, payments, gifts, clock }: Deps) {
  return saga<Gift>('send-gift', 1)
    .step('reserve-item', {
      run: ({ id, sku }, { requestId, signal }) =>
        inventory.reserveStock({ requestId, orderId: id, owner, items: [{ sku, quantity: 1n }] }, { signal }),
      undo: ({ id }, { requestId, signal }) => inventory.releaseStock({ requestId, orderId: id }, { signal }),
    })
    .step('charge', {
      run: ({ id, senderId, price }, { requestId, signal }) =>
        payments.charge({ requestId, orderId: id, owner, userId: senderId, amount: price }, { signal }),
      undo: ({ id }, { requestId, signal }) => payments.refund({ requestId, orderId: id }, { signal }),
    })
    .pivot('commit-stock', {
      run: ({ id }, { requestId, signal }) => inventory.commitStock({ requestId, orderId: id }, { signal }),
    })
    .onProgress(async (tx, { at, data: { id } }) => {
      if (at !== 'completed' && at !== 'compensated') return;
      const type = at === 'completed' ? 'GIFT_SENT' : 'GIFT_FAILED';
      await gifts.changeIn(tx, id, () => ({ type }), { correlationId: id, timeMs: clock.now() });
    });
}
