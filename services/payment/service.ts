import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import {
  type CreateService,
  createEventStore,
  createIdempotency,
  createOutbox,
  createProjector,
  loadMigrations,
  projectionAudits,
  serve,
} from '#mesh';
import { createAccountRpc } from './account-rpc.ts';
import { auditAccounts } from './audits/audit-accounts.ts';
import { auditCharges } from './audits/audit-charges.ts';
import { auditLedger } from './audits/audit-ledger.ts';
import { paymentTopic } from './events.ts';
import { createLedgerRpc } from './ledger-rpc.ts';
import { createMakeChange } from './make-change.ts';
import { createPaymentRpc } from './payment-rpc.ts';
import { accountBalances } from './projections/account-balances.ts';
import { monthlyStatements } from './projections/monthly-statements.ts';
import { paymentList } from './projections/payment-list.ts';
import { adoptHistory } from './streams/adopt-history.ts';
import { openBooks } from './streams/open-books.ts';

/** Wires the payment service. */
export const createPaymentService: CreateService = async ({ clock, logger, events, tasks, ...runtime }) => {
  const storage = await runtime.openStorage('payment');
  await storage.migrate('payment', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const idempotency = await createIdempotency(storage, { clock });
  const source = '//ordermesh/payment';
  const outbox = await createOutbox({ storage, events, tasks, source, topics: [paymentTopic], clock, logger });
  const store = await createEventStore(storage, { clock });
  const books = openBooks(store, outbox, logger);
  await adoptHistory({ storage, store, books, logger });
  const projector = await createProjector({
    service: 'payment',
    storage,
    store,
    projections: [accountBalances, monthlyStatements, paymentList],
    clock,
    logger,
    metrics: runtime.metrics,
  });
  const makeChange = createMakeChange(idempotency, clock);
  return {
    name: 'payment',
    serves: [
      serve(AccountServiceContract, createAccountRpc({ storage, store, books, makeChange })),
      serve(PaymentServiceContract, createPaymentRpc({ storage, books, makeChange })),
      serve(LedgerServiceContract, createLedgerRpc({ storage, books, projector }), { check: () => projector.check() }),
    ],
    deadLetters: [projector.deadLetters, outbox.deadLetters],
    projections: [projector.admin],
    audits: [
      auditAccounts({ storage, store, books }),
      auditCharges({ store, clock }),
      auditLedger(storage),
      ...projectionAudits(projector.names, projector.admin),
    ],
    start: async () => {
      await outbox.start();
      await projector.start();
    },
    stop: async (graceMs) => {
      await projector.stop();
      await outbox.stop(graceMs);
    },
    check: () => storage.check(),
  };
};
