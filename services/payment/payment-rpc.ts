import {
  type ChargeRequest,
  type ListPaymentsRequest,
  PaymentServiceDefinition,
  type PaymentServiceImplementation,
} from '../../gen/ts/payment/v1/payment.ts';
import type { Outbox } from '../../mesh/events/outbox.ts';
import type { Idempotency } from '../../mesh/idempotency/idempotency.ts';
import { repeatable } from '../../mesh/idempotency/repeatable.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import { readPages } from '../../mesh/storage/read-pages.ts';
import type { Queryable, Storage } from '../../mesh/storage/storage.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import { chargeOrder } from './charge-order.ts';
import { amountNegative, paymentNotFound } from './errors.ts';
import type { Cause, Charge } from './payment.ts';
import { findPayment, pageOfPayments } from './payment-store.ts';
import { paymentToProto } from './proto.ts';
import { refundOrder } from './refund-order.ts';

/** What the handlers stand on. */
export interface PaymentRpcDeps {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

const { methods } = PaymentServiceDefinition;
const charging = repeatable(PaymentServiceDefinition, methods.charge);
const refunding = repeatable(PaymentServiceDefinition, methods.refund);

/** The handlers of `payment.v1.PaymentService`. */
export function createPaymentRpc(deps: PaymentRpcDeps): PaymentServiceImplementation<MeshCallContext> {
  const { storage, idempotency, outbox, clock } = deps;
  const causeOf = (context: MeshCallContext): Cause => ({ correlationId: context.requestId, timeMs: clock.now() });
  return {
    charge: (request, context) =>
      idempotency.once(charging, request, async (tx) =>
        paymentToProto(await chargeOrder(tx, chargeOf(request), causeOf(context), outbox)),
      ),
    refund: (request, context) =>
      idempotency.once(refunding, request, async (tx) =>
        paymentToProto(await refundOrder(tx, request.orderId, causeOf(context), outbox)),
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
