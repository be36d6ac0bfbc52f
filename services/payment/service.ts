import { AccountServiceContract, PaymentServiceContract } from '../../gen/ts/payment/v1/payment.contract.ts';
import type { CreateService } from '../../mesh/app/service.ts';
import { createOutbox } from '../../mesh/events/create-outbox.ts';
import { createIdempotency } from '../../mesh/idempotency/create-idempotency.ts';
import { serve } from '../../mesh/server/serve.ts';
import { loadMigrations } from '../../mesh/storage/migrations.ts';
import { createAccountRpc } from './account-rpc.ts';
import { paymentTopic } from './events.ts';
import { createPaymentRpc } from './payment-rpc.ts';

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
  const deps = { storage, idempotency, outbox, clock };
  return {
    name: 'payment',
    serves: [
      serve(AccountServiceContract, createAccountRpc(deps)),
      serve(PaymentServiceContract, createPaymentRpc(deps)),
    ],
    start: () => outbox.start(),
    stop: () => outbox.stop(config.drainTimeoutMs),
    check: () => storage.check(),
  };
};
