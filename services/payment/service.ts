import { AccountServiceContract, PaymentServiceContract } from '../../gen/ts/payment/v1/payment.contract.ts';
import type { CreateService } from '../../mesh/app/service.ts';
import { createOutbox } from '../../mesh/events/create-outbox.ts';
import { createIdempotency } from '../../mesh/idempotency/create-idempotency.ts';
import { serve } from '../../mesh/server/serve.ts';
import { loadMigrations } from '../../mesh/storage/migrations.ts';
import { createAccountRpc } from './account-rpc.ts';
import { createChargeOrder } from './charge-order.ts';
import { paymentTopic } from './events.ts';
import { createMoveMoney } from './move-money.ts';
import { createOpenAccount } from './open-account.ts';
import { createPaymentRpc } from './payment-rpc.ts';
import { createRefundOrder } from './refund-order.ts';

/** Wires the payment service. */
export const createPaymentService: CreateService = async ({ clock, logger, events, tasks, config, ...runtime }) => {
  const storage = await runtime.openStorage('payment');
  await storage.migrate('payment', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const idempotency = await createIdempotency(storage, { clock });
  const outbox = await createOutbox({
    storage,
    events,
    tasks,
    source: '//ordermesh/payment',
    topics: [paymentTopic],
    clock,
    logger,
  });
  const moveMoney = createMoveMoney(outbox);
  const accounts = createAccountRpc({ storage, idempotency, openAccount: createOpenAccount(outbox), moveMoney, clock });
  const payments = createPaymentRpc({
    storage,
    idempotency,
    chargeOrder: createChargeOrder(moveMoney),
    refundOrder: createRefundOrder(moveMoney),
    clock,
  });
  return {
    name: 'payment',
    serves: [serve(AccountServiceContract, accounts), serve(PaymentServiceContract, payments)],
    start: () => outbox.start(),
    stop: () => outbox.stop(config.drainTimeoutMs),
    check: () => storage.check(),
  };
};
