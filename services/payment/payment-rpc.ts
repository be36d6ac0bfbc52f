import type { PaymentServiceHandlers, ValidChargeRequest } from '#gen/payment/v1/payment.contract.ts';
import { readPages, type Storage } from '#mesh';
import { chargeOrder, refundOrder } from './charge-order.ts';
import type { Charge } from './domain/payment.ts';
import { amountNegative, paymentNotFound } from './errors.ts';
import { pageOfPayments } from './projections/payment-list.ts';
import { paymentToProto } from './proto.ts';
import type { Accounts } from './streams/account-stream.ts';
import type { Payments } from './streams/payment-stream.ts';

interface Deps {
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly payments: Payments;
}

/** Implements `payment.v1.PaymentService`. */
export function createPaymentRpc(deps: Deps): PaymentServiceHandlers {
  const { storage, accounts, payments } = deps;
  const findPayment = async (orderId: string) => (await payments.load(storage, orderId)).state;
  return {
    charge: (request, call) =>
      accounts.transact(request.userId, call, async (tx, cause) =>
        paymentToProto(await chargeOrder(tx, chargeOf(request), cause, deps)),
      ),

    async refund({ orderId }, call) {
      // Only to find the account: whether there is anything to refund is decided in the transaction.
      const accountId = (await findPayment(orderId))?.userId ?? '';
      return await accounts.transact(accountId, call, async (tx, cause) =>
        paymentToProto(await refundOrder(tx, orderId, cause, deps)),
      );
    },

    async getPayment({ orderId }) {
      const payment = await findPayment(orderId);
      if (!payment) throw paymentNotFound({ orderId });
      return paymentToProto(payment);
    },

    listPayments: ({ afterId, limit, owner }, { signal }) =>
      readPages({
        after: afterId,
        limit,
        signal,
        fetch: (after, size) => pageOfPayments(storage, owner, after, size),
        cursorOf: (payment) => payment.id,
        map: paymentToProto,
      }),
  };
}

function chargeOf({ orderId, userId, amount, owner }: ValidChargeRequest): Charge {
  if (amount.minorUnits < 0n) throw amountNegative();
  return { orderId, userId, amount, owner };
}
