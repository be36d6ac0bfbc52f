import { Readable } from 'node:stream';
import {
  AccountServiceDefinition,
  type ChargeRequest,
  Payment,
  PaymentServiceDefinition,
  PaymentState,
} from '#gen/payment/v1/payment.ts';
import { Status } from '#mesh';
import { type Held, plantOrders, refusal } from './planted-orders.ts';
import { type PlantedServer, startPlanted } from './planted-server.ts';

const states = {
  pending: PaymentState.PAYMENT_STATE_UNSPECIFIED,
  done: PaymentState.PAYMENT_STATE_CHARGED,
  undone: PaymentState.PAYMENT_STATE_REFUNDED,
  refused: PaymentState.PAYMENT_STATE_UNSPECIFIED,
  committed: PaymentState.PAYMENT_STATE_UNSPECIFIED,
};

type Content = Pick<ChargeRequest, 'userId' | 'amount' | 'owner'>;

/** A PaymentService with its AccountService that breaks a rule. All accounts are in USD. */
export function startPlantedPayment(breaks: string | undefined): Promise<PlantedServer> {
  const balances = new Map<string, bigint>();
  const priceOf = ({ amount }: Content) => amount?.minorUnits ?? 0n;
  const orders = plantOrders<Content>(
    {
      refusals: { undone: 'PAYMENT_REFUNDED', other: 'PAYMENT_EXISTS', unknown: 'PAYMENT_NOT_FOUND' },
      isCounted: true,
      keepsRefused: false,
      refuse(content) {
        const balance = balances.get(content.userId);
        if (balance === undefined) return refusal('ACCOUNT_NOT_FOUND', Status.NOT_FOUND);
        if (content.amount?.currencyCode !== 'USD') return refusal('CURRENCY_MISMATCH');
        return balance < priceOf(content) ? refusal('INSUFFICIENT_FUNDS') : undefined;
      },
      apply(content, sign) {
        const { userId } = content;
        balances.set(userId, (balances.get(userId) ?? 0n) - BigInt(sign) * priceOf(content));
      },
    },
    breaks,
  );
  const requireValid = (isValid: boolean) => {
    if (!isValid && breaks !== 'invalid-requests') throw refusal('INVALID_FIELD', Status.INVALID_ARGUMENT);
  };
  const toProto = ({ orderId, id, state, content }: Held<Content>): Payment =>
    Payment.fromPartial({ orderId, id, state: states[state], owner: content?.owner ?? '' });
  const accountOf = (id: string) => {
    const minorUnits = balances.get(id);
    if (minorUnits === undefined) throw refusal('ACCOUNT_NOT_FOUND', Status.NOT_FOUND);
    return { id, balance: { currencyCode: 'USD', minorUnits } };
  };
  const move = (id: string, minorUnits: bigint) => {
    balances.set(id, (balances.get(id) ?? 0n) + minorUnits);
    return accountOf(id);
  };
  return startPlanted((server) => {
    server.add(AccountServiceDefinition, {
      openAccount: async ({ accountId }) => move(accountId, 0n),
      deposit: async ({ accountId, amount }) => move(accountId, amount?.minorUnits ?? 0n),
      withdraw: async ({ accountId, amount }) => move(accountId, -(amount?.minorUnits ?? 0n)),
      getBalance: async ({ accountId }) => accountOf(accountId),
      listAccountEvents: () => Readable.from([]),
    });
    server.add(PaymentServiceDefinition, {
      async charge({ requestId, orderId, userId, amount, owner }, { signal }) {
        const minorUnits = amount?.minorUnits ?? -1n;
        requireValid(orderId !== '' && (breaks === 'zero-amount' ? minorUnits > 0n : minorUnits >= 0n));
        return toProto(await orders.run(orderId, { userId, amount, owner }, { requestId, signal }));
      },
      async refund({ requestId, orderId }, { signal }) {
        requireValid(orderId !== '');
        return toProto(await orders.undo(orderId, { requestId, signal }));
      },
      getPayment: async ({ orderId }) => toProto(orders.read(orderId)),
      async *listPayments({ owner }) {
        const isListed = ({ content }: { readonly content?: Content | undefined }) =>
          owner === '' || content?.owner === owner || breaks === 'payments-by-owner';
        const payments = [...orders.all.values()].filter(isListed).sort((left, right) => (left.id < right.id ? -1 : 1));
        yield* (breaks === 'payments-listed' ? payments.toReversed() : payments).map(toProto);
      },
    });
  }, orders.restart);
}
