import {
  type ChargeRequest,
  type ListPaymentsRequest,
  PaymentServiceDefinition,
  type PaymentServiceImplementation,
} from '#gen/payment/v1/payment.ts';
import { type MeshCallContext, type Queryable, readPages, repeatable, type Storage } from '#mesh';
import { chargeOrder } from './charge-order.ts';
import type { Charge } from './domain/payment.ts';
import { amountNegative, paymentNotFound } from './errors.ts';
import type { MakeChange } from './make-change.ts';
import { pageOfPayments } from './projections/payment-list.ts';
import { paymentToProto } from './proto.ts';
import { refundOrder } from './refund-order.ts';
import type { Books } from './streams/open-books.ts';

/** What the handlers stand on. */
export interface PaymentRpcDeps {
  readonly storage: Storage;
  readonly books: Books;
  readonly makeChange: MakeChange;
}

const { methods } = PaymentServiceDefinition;
const charging = repeatable(PaymentServiceDefinition, methods.charge);
const refunding = repeatable(PaymentServiceDefinition, methods.refund);

/** The handlers of `payment.v1.PaymentService`. */
export function createPaymentRpc(deps: PaymentRpcDeps): PaymentServiceImplementation<MeshCallContext> {
  const { storage, books, makeChange } = deps;
  const paymentOf = async (orderId: string) => (await books.payments.load(storage, orderId)).state;
  return {
    charge: (request, context) =>
      makeChange(charging, request, request.userId, context, async (tx, cause) =>
        paymentToProto(await chargeOrder(tx, books, chargeOf(request), cause)),
      ),
    async refund(request, context) {
      // Only to know whose account it is: whether there is anything to refund is decided in the transaction.
      const accountId = (await paymentOf(request.orderId))?.userId ?? '';
      return await makeChange(refunding, request, accountId, context, async (tx, cause) =>
        paymentToProto(await refundOrder(tx, books, request.orderId, cause)),
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
