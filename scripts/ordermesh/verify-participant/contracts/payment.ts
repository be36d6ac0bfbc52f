import { Status } from 'nice-grpc';
import {
  AccountServiceDefinition as accounts,
  type ChargeRequest,
  PaymentServiceDefinition as service,
} from '#gen/payment/v1/payment.ts';
import { type Answer, type Caller, isOk, settle } from '../caller.ts';
import { attemptEach, summary } from '../clean-up.ts';
import type { Effect, Participant, Refusal, TestOrder } from '../participant.ts';
import { expectOk, expectPrepared, newRequestId } from '../rule.ts';
import type { TestData } from '../test-data.ts';
import { paymentRules } from './payment-rules.ts';

const { openAccount, deposit, withdraw, getBalance } = accounts.methods;
const { charge, refund, getPayment } = service.methods;

/** What the rules of the payments use, in addition to those of every contract. */
export interface PaymentTest {
  readonly caller: Caller;
  readonly data: TestData;
  readonly refusals: typeof refusals;
  /** Opens an account with this balance and returns its user's id. */
  newAccount(minorUnits: bigint): Promise<string>;
  newOrder(userId: string, minorUnits: bigint, of?: { readonly owner?: string }): TestOrder;
  balanceOf(userId: string): Promise<bigint>;
}

const refusals = {
  undone: { code: Status.FAILED_PRECONDITION, reason: 'PAYMENT_REFUNDED' },
  other: { code: Status.ALREADY_EXISTS, reason: 'PAYMENT_EXISTS' },
  unknown: { code: Status.NOT_FOUND, reason: 'PAYMENT_NOT_FOUND' },
  noAccount: { code: Status.NOT_FOUND, reason: 'ACCOUNT_NOT_FOUND' },
  insufficientFunds: { code: Status.FAILED_PRECONDITION, reason: 'INSUFFICIENT_FUNDS' },
  otherCurrency: { code: Status.FAILED_PRECONDITION, reason: 'CURRENCY_MISMATCH' },
} satisfies Record<string, Refusal>;

/** `payment.v1.PaymentService`, with the accounts of `payment.v1.AccountService`. */
export function paymentParticipant(caller: Caller, data: TestData): Participant {
  /** Balances after opening, by user. */
  const opened = new Map<string, bigint>();

  async function newAccount(minorUnits: bigint): Promise<string> {
    const accountId = data.newId();
    const [openId, depositId] = [newRequestId(), newRequestId()];
    const account = { requestId: openId, accountId, currencyCode: 'USD' };
    expectPrepared(await settle(() => caller.call(accounts, openAccount, account)));
    const money = { requestId: depositId, accountId, amount: usd(minorUnits), reference: 'verify-participant' };
    expectPrepared(await settle(() => caller.call(accounts, deposit, money)));
    opened.set(accountId, minorUnits);
    return accountId;
  }

  async function balanceOf(accountId: string): Promise<bigint> {
    return toBalance(
      expectOk(await settle(() => caller.call(accounts, getBalance, { accountId })), 'the account is open'),
    );
  }

  /** Withdraws the balance of an account, with one attempt. */
  async function isEmptied(accountId: string): Promise<boolean> {
    const account = await caller.call(accounts, getBalance, { accountId });
    const balance = toBalance(account);
    if (!isOk(account) || balance <= 0n) return isOk(account);
    const money = { requestId: newRequestId(), accountId, amount: usd(balance), reference: '' };
    return isOk(await caller.call(accounts, withdraw, money));
  }

  function newOrder(userId: string, minorUnits: bigint, { currencyCode = 'USD', owner = '' } = {}): TestOrder {
    const orderId = data.newId();
    const content: Partial<ChargeRequest> = { orderId, userId, amount: { currencyCode, minorUnits }, owner };
    const chargeOther = (change: Partial<ChargeRequest>) => (requestId: string) =>
      caller.call(service, charge, { requestId, ...content, ...change });
    return data.track({
      id: orderId,
      run: (requestId, options) => caller.call(service, charge, { requestId, ...content }, options),
      runOther: [
        chargeOther({ amount: { currencyCode, minorUnits: minorUnits + 1n } }),
        chargeOther({ owner: 'gift' }),
      ],
      undo: (requestId, options) => caller.call(service, refund, { requestId, orderId }, options),
      read: () => caller.call(service, getPayment, { orderId }),
      async observe(): Promise<Effect> {
        const before = opened.get(userId);
        if (before === undefined) return { times: 0, text: 'the account does not exist' };
        const balance = await balanceOf(userId);
        const text = `account ${userId} had ${before}, has ${balance}, and the order costs ${minorUnits}`;
        return { times: Number(before - balance) / Number(minorUnits), text };
      },
    });
  }

  const chargeNow = (request: Partial<ChargeRequest>) =>
    caller.call(service, charge, { requestId: newRequestId(), ...request });
  return {
    contract: 'payment',
    run: charge.name,
    undo: refund.name,
    read: getPayment.name,
    states: { done: 'PAYMENT_STATE_CHARGED', undone: 'PAYMENT_STATE_REFUNDED' },
    refusals,
    hasId: true,
    refusedOrders: [
      {
        why: 'the balance is too small',
        refusal: refusals.insufficientFunds,
        newOrder: async () => newOrder(await newAccount(1_000n), 1_999n),
      },
      { why: 'no such account', refusal: refusals.noAccount, newOrder: async () => newOrder(data.newId(), 1_999n) },
      {
        why: 'the account has another currency',
        refusal: refusals.otherCurrency,
        newOrder: async () => newOrder(await newAccount(10_000n), 1_999n, { currencyCode: 'EUR' }),
      },
    ],
    invalidRequests: [
      { why: 'no order_id', call: () => chargeNow({ userId: data.newId(), amount: usd(1n) }) },
      { why: 'no amount', call: () => chargeNow({ orderId: data.newId(), userId: data.newId() }) },
      {
        why: 'a negative amount',
        call: () => chargeNow({ orderId: data.newId(), userId: data.newId(), amount: usd(-1n) }),
      },
      { why: 'no order_id', call: () => caller.call(service, refund, { requestId: newRequestId() }) },
    ],
    rules: paymentRules({ caller, data, refusals, newAccount, newOrder, balanceOf }),
    probe: () => caller.call(service, getPayment, { orderId: data.newId() }),
    newOrder: async () => newOrder(await newAccount(10_000n), 1_999n),
    async cleanUp(endMs) {
      const left = await attemptEach(opened.keys(), isEmptied, endMs);
      const full = left.length === 0 ? '' : `, accounts with money: ${summary(left)}`;
      const emptied = opened.size - left.length;
      return `${emptied} accounts without money${full}, and refunded payments, with ids ${data.prefix}-…`;
    },
  };
}

function toBalance({ response }: Answer): bigint {
  const { minorUnits = 0 } = (response.balance ?? {}) as { readonly minorUnits?: string };
  return BigInt(minorUnits);
}

function usd(minorUnits: bigint) {
  return { currencyCode: 'USD', minorUnits };
}
