import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { defineService, serve } from '#mesh';
import { createAccountRpc } from './account-rpc.ts';
import { auditAccounts } from './audits/audit-accounts.ts';
import { auditCharges } from './audits/audit-charges.ts';
import { auditLedger } from './audits/audit-ledger.ts';
import { paymentEventOf, paymentTopic } from './events.ts';
import { createLedgerRpc } from './ledger-rpc.ts';
import { createPaymentRpc } from './payment-rpc.ts';
import { accountBalances } from './projections/account-balances.ts';
import { monthlyStatements } from './projections/monthly-statements.ts';
import { paymentList } from './projections/payment-list.ts';
import { accountDefinition } from './streams/account-stream.ts';
import { adoptHistory } from './streams/adopt-history.ts';
import { paymentDefinition } from './streams/payment-stream.ts';

export const paymentService = defineService({
  name: 'payment',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [paymentTopic],
  setup: async ({ storage, eventStore, aggregates, run, clock, logger }) => {
    const store = await eventStore();
    const accounts = await aggregates(accountDefinition, { publish: paymentEventOf() });
    const payments = await aggregates(paymentDefinition);
    await adoptHistory({ storage, store, accounts, payments, logger });
    const projector = await run.projector([accountBalances, monthlyStatements, paymentList]);
    return {
      serves: [
        serve(AccountServiceContract, createAccountRpc({ storage, accounts })),
        serve(PaymentServiceContract, createPaymentRpc({ storage, accounts, payments })),
        serve(LedgerServiceContract, createLedgerRpc({ storage, accounts, projector }), { check: projector.check }),
      ],
      audits: [auditAccounts({ storage, store, accounts }), auditCharges({ store, clock }), auditLedger(storage)],
    };
  },
});
