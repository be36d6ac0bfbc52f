import {
  type ChargeRequest,
  type ListPaymentsRequest,
  PaymentServiceDefinition,
  type PaymentServiceImplementation,
} from '../../gen/ts/payment/v1/payment.ts';
import type { Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { repeatable } from '../../mesh/idempotency/repeatable.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import { readPages } from '../../mesh/storage/read-pages.ts';
import type { Queryable, Storage } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import type { ChargeOrder } from './charge-order.ts';
import { amountNegative, paymentNotFound } from './errors.ts';
import type { Charge } from './payment.ts';
import { findPayment, pageOfPayments } from './payment-store.ts';
import { paymentToProto } from './proto.ts';
import type { RefundOrder } from './refund-order.ts';

/** What the handlers stand on. */
export interface PaymentRpcDeps {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
  readonly chargeOrder: ChargeOrder;
  readonly refundOrder: RefundOrder;
  readonly clock: Clock;
}

const { methods } = PaymentServiceDefinition;
const chargeCall = repeatable(PaymentServiceDefinition, methods.charge);
const refundCall = repeatable(PaymentServiceDefinition, methods.refund);

/** The handlers of `payment.v1.PaymentService`. */
export function createPaymentRpc(deps: PaymentRpcDeps): PaymentServiceImplementation<MeshCallContext> {
  const { storage, idempotency, clock } = deps;
  const occasion = (context: MeshCallContext) => ({ correlationId: context.requestId, timeMs: clock.now() });
  return {
    charge: (request, context) =>
      idempotency.once(chargeCall, request, async (tx) =>
        paymentToProto(await deps.chargeOrder(tx, chargeOf(request), occasion(context))),
      ),
    refund: (request, context) =>
      idempotency.once(refundCall, request, async (tx) =>
        paymentToProto(await deps.refundOrder(tx, request.orderId, occasion(context))),
      ),
    getPayment: async ({ orderId }) => {
      const payment = await findPayment(storage, orderId);
      if (!payment) throw paymentNotFound(orderId);
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
