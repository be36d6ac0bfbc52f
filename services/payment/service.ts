import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { createIdempotency, defineService, serve } from '#mesh';
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

export const paymentService = defineService({
  name: 'payment',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [paymentTopic],
  setup: async ({ storage, outbox, eventStore, run, clock, logger }) => {
    const idempotency = await createIdempotency(storage, { clock });
    const store = await eventStore();
    const books = openBooks(store, outbox, logger);
    await adoptHistory({ storage, store, books, logger });
    const projector = await run.projector([accountBalances, monthlyStatements, paymentList]);
    const makeChange = createMakeChange(idempotency, clock);
    return {
      serves: [
        serve(AccountServiceContract, createAccountRpc({ storage, store, books, makeChange })),
        serve(PaymentServiceContract, createPaymentRpc({ storage, books, makeChange })),
        serve(LedgerServiceContract, createLedgerRpc({ storage, books, projector }), { check: projector.check }),
      ],
      audits: [auditAccounts({ storage, store, books }), auditCharges({ store, clock }), auditLedger(storage)],
    };
  },
});
