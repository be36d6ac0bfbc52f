import fc from 'fast-check';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LedgerServiceContract } from '#gen/payment/v1/ledger.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { AccountServiceDefinition, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { MeshError } from '#mesh';
import {
  describeWithServer,
  eventually,
  type PostgresServer,
  postgres,
  startMesh,
  startPostgres,
  type TestMesh,
} from '#mesh/testing';
import { paymentService } from '../service.ts';

const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const account = fc.nat({ max: 2 });
const amount = fc.bigInt(1n, 60n);
const order = fc.nat({ max: 3 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('deposit' as const), account, amount }),
  fc.record({ kind: fc.constant('withdraw' as const), account, amount }),
  fc.record({ kind: fc.constant('charge' as const), account, amount, order }),
  fc.record({ kind: fc.constant('refund' as const), order }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What a caller can see of a run, without ids and times. */
interface Seen {
  readonly outcomes: readonly string[];
  readonly balances: readonly (readonly [string | undefined, bigint | undefined, bigint])[];
  readonly statements: readonly (readonly [bigint | undefined, bigint | undefined, bigint | undefined, bigint])[];
  readonly payments: readonly (readonly [string, bigint | undefined, number])[];
}

describeWithServer(postgres, 'projections on SQLite and PostgreSQL', () => {
  let server: PostgresServer;
  let meshes: readonly TestMesh[];
  let runs = 0;

  beforeAll(async () => {
    server = await startPostgres();
    meshes = await Promise.all([
      startMesh([paymentService]),
      startMesh([paymentService], { DATABASE_URL: server.url('<service>') }),
    ]);
  });
  afterAll(async () => {
    for (const mesh of meshes) await mesh.stop();
    await server.stop();
  });

  it('equal a plain fold of the events, and each other, after any steps', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), async (steps) => {
        runs += 1;
        const currencyCode = currencyOf(runs);
        const [first, second] = await Promise.all(meshes.map((mesh) => run(mesh, `run-${runs}`, currencyCode, steps)));
        expect(first).toEqual(second);
        expect(first).toEqual(model(`run-${runs}`, currencyCode, steps));
      }),
      { numRuns: 25 },
    );
  });
});

async function run(mesh: TestMesh, name: string, currencyCode: string, steps: readonly Step[]): Promise<Seen> {
  const accounts = mesh.runtime.client(AccountServiceContract);
  const payments = mesh.runtime.client(PaymentServiceContract);
  const ledger = mesh.runtime.client(LedgerServiceContract);
  const ids = [0, 1, 2].map((index) => `${name}.${index}`);
  for (const accountId of ids) await accounts.openAccount({ accountId, currencyCode });
  const outcomes: string[] = [];
  for (const one of steps) outcomes.push(await outcomeOf(send(accounts, payments, name, currencyCode, one)));
  const statements: Seen['statements'][number][] = [];
  for (const accountId of ids) {
    const { version, balance } = await accounts.getBalance({ accountId });
    for await (const month of ledger.listStatements({ accountId, minVersion: version })) {
      const { openingBalance, deposited, withdrawn, closingBalance, eventCount } = month;
      expect(closingBalance).toEqual(balance);
      statements.push([openingBalance?.minorUnits, deposited?.minorUnits, withdrawn?.minorUnits, eventCount]);
    }
  }
  const seen = await eventually(async () => {
    const balances = await Array.fromAsync(ledger.listBalances({ currencyCode }));
    for (const id of ids) {
      const inList = balances.find(({ accountId }) => accountId === id);
      expect(inList?.version).toBe((await accounts.getBalance({ accountId: id })).version);
    }
    const listed = await Array.fromAsync(payments.listPayments({}));
    const ours = listed.filter(({ orderId }) => orderId.startsWith(`${name}.`));
    for (const payment of ours) expect(payment).toEqual(await payments.getPayment({ orderId: payment.orderId }));
    const settled = new Set(steps.flatMap((one) => ('order' in one ? [`${name}.${one.order}`] : [])));
    const known = await Promise.all([...settled].map((orderId) => outcomeOf(payments.getPayment({ orderId }))));
    expect(ours).toHaveLength(known.filter((outcome) => outcome === 'done').length);
    return { balances, ours };
  });
  return {
    outcomes,
    balances: seen.balances.map((row) => [row.accountId, row.balance?.minorUnits, row.version]),
    statements,
    payments: seen.ours
      .map((payment) => [payment.orderId, payment.amount?.minorUnits, payment.state] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
}

async function send(
  accounts: Client<AccountServiceDefinition>,
  payments: Client<PaymentServiceDefinition>,
  name: string,
  currencyCode: string,
  one: Step,
): Promise<unknown> {
  const orderId = 'order' in one ? `${name}.${one.order}` : '';
  if (one.kind === 'refund') return await payments.refund({ orderId });
  const accountId = `${name}.${one.account}`;
  const money = { ...usd(one.amount), currencyCode };
  if (one.kind === 'charge') return await payments.charge({ orderId, userId: accountId, amount: money });
  return one.kind === 'deposit'
    ? await accounts.deposit({ accountId, amount: money })
    : await accounts.withdraw({ accountId, amount: money });
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'done';
  } catch (error) {
    if (error instanceof MeshError) return error.reason;
    throw error;
  }
}

/** The same in memory, in the plainest way there is: the oracle. */
function model(name: string, currencyCode: string, steps: readonly Step[]): Seen {
  const users = [0, 1, 2].map(() => ({ balance: 0n, version: 1n, deposited: 0n, withdrawn: 0n }));
  const orders = new Map<number, { account: number; amount: bigint | undefined; refunded: boolean }>();
  const outside = new Map<string, bigint>();
  const move = (index: number, delta: bigint, other: string): string => {
    const user = users[index];
    if (!user || user.balance + delta < 0n) return 'INSUFFICIENT_FUNDS';
    user.balance += delta;
    user.version += 1n;
    if (delta > 0n) user.deposited += delta;
    else user.withdrawn -= delta;
    outside.set(other, (outside.get(other) ?? 0n) - delta);
    return 'done';
  };
  const outcomes = steps.map((one): string => {
    if (one.kind === 'deposit') return move(one.account, one.amount, '@world');
    if (one.kind === 'withdraw') return move(one.account, -one.amount, '@world');
    const known = orders.get(one.order);
    if (one.kind === 'charge') {
      if (known?.refunded) return 'PAYMENT_REFUNDED';
      if (known) return known.account === one.account && known.amount === one.amount ? 'done' : 'PAYMENT_EXISTS';
      const outcome = move(one.account, -one.amount, '@sales');
      if (outcome === 'done') orders.set(one.order, { account: one.account, amount: one.amount, refunded: false });
      return outcome;
    }
    if (known && !known.refunded) move(known.account, known.amount ?? 0n, '@sales');
    orders.set(one.order, { account: -1, amount: undefined, ...known, refunded: true });
    return 'done';
  });
  return {
    outcomes,
    balances: [
      ...[...outside].toSorted().map(([id, sum]) => [`${id}.${currencyCode}`, sum, 0n] as const),
      ...users.map((user, index) => [`${name}.${index}`, user.balance, user.version] as const),
    ],
    statements: users.map(({ deposited, withdrawn, version }) => [0n, deposited, withdrawn, version]),
    payments: [...orders]
      .map(([id, { amount, refunded }]) => [`${name}.${id}`, amount, refunded ? 2 : 1] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  };
}

/** Each run has its own currency, and so its own outside accounts. */
function currencyOf(run: number): string {
  return [run / 676, run / 26, run].map((part) => String.fromCharCode(65 + (Math.floor(part) % 26))).join('');
}
