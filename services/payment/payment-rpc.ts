import {
  type ChargeRequest,
  type ListPaymentsRequest,
  PaymentServiceDefinition,
  type PaymentServiceImplementation,
} from '#gen/payment/v1/payment.ts';
import { type Idempotency, type MeshCallContext, type Queryable, readPages, repeatable, type Storage } from '#mesh';
import { chargeOrder, refundOrder } from './charge-order.ts';
import type { Charge } from './domain/payment.ts';
import { amountNegative, paymentNotFound } from './errors.ts';
import { idempotentCall } from './idempotent-call.ts';
import { pageOfPayments } from './projections/payment-list.ts';
import { paymentToProto } from './proto.ts';
import type { Accounts } from './streams/account-stream.ts';
import type { Payments } from './streams/payment-stream.ts';

interface Deps {
  readonly storage: Storage;
  readonly accounts: Accounts;
  readonly payments: Payments;
  readonly idempotency: Idempotency;
}

const { methods } = PaymentServiceDefinition;
const charging = repeatable(PaymentServiceDefinition, methods.charge);
const refunding = repeatable(PaymentServiceDefinition, methods.refund);

/** The handlers of `payment.v1.PaymentService`. */
export function createPaymentRpc(deps: Deps): PaymentServiceImplementation<MeshCallContext> {
  const { storage, accounts, payments, idempotency } = deps;
  const paymentOf = async (orderId: string) => (await payments.load(storage, orderId)).state;
  return {
    charge: (request, context) =>
      accounts.transact(request.userId, idempotentCall(idempotency, charging, request, context), async (tx, cause) =>
        paymentToProto(await chargeOrder(tx, chargeOf(request), cause, deps)),
      ),
    async refund(request, context) {
      // Only to find the account: whether there is anything to refund is decided in the transaction.
      const accountId = (await paymentOf(request.orderId))?.userId ?? '';
      return await accounts.transact(
        accountId,
        idempotentCall(idempotency, refunding, request, context),
        async (tx, cause) => paymentToProto(await refundOrder(tx, request.orderId, cause, deps)),
      );
    },
    async getPayment({ orderId }) {
      const payment = await paymentOf(orderId);
      if (!payment) throw paymentNotFound({ orderId });
      return paymentToProto(payment);
    },
    listPayments: (request, context) => listPayments(storage, request, context.signal),
  };
}

async function* listPayments(db: Queryable, { afterId, limit }: ListPaymentsRequest, signal: AbortSignal) {
  const pages = readPages({
    after: afterId,
    limit,
    signal,
    fetch: (after, size) => pageOfPayments(db, after, size),
    cursorOf: (payment) => payment.id,
  });
  for await (const page of pages) yield* page.map(paymentToProto);
}

function chargeOf({ orderId, userId, amount }: ChargeRequest): Charge {
  if (!amount || amount.minorUnits < 0n) throw amountNegative();
  return { orderId, userId, amount };
}
