import { beforeAll, beforeEach, expect, it } from 'vitest';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { type Finding, openStorage, type Storage } from '#mesh';
import { describeServicesOnEachDatabase, eventually, startMesh, type TestMesh } from '#mesh/testing';
import { paymentService } from '../service.ts';

const eur = (minorUnits: bigint) => ({ currencyCode: 'EUR', minorUnits });

/** What all checks of the service find, by the name of the check. */
async function audit(mesh: TestMesh): Promise<Record<string, Finding[]>> {
  const found: Record<string, Finding[]> = {};
  for (const check of mesh.services.flatMap((service) => service.audits ?? [])) {
    const findings = await Array.fromAsync(check.run({ examined: () => undefined }, new AbortController().signal));
    if (findings.length > 0) found[check.name] = findings;
  }
  return found;
}

async function trade(mesh: TestMesh): Promise<void> {
  const accounts = mesh.runtime.client(AccountServiceContract);
  const payments = mesh.runtime.client(PaymentServiceContract);
  for (const accountId of ['ada', 'tom']) {
    await accounts.openAccount({ accountId, currencyCode: 'EUR' });
    for (let count = 0; count < 120; count += 1) await accounts.deposit({ accountId, amount: eur(10n) });
    for (const index of [1, 2, 3]) {
      await payments.charge({ orderId: `${accountId}-${index}`, userId: accountId, amount: eur(BigInt(index)) });
    }
    await payments.refund({ orderId: `${accountId}-1` });
  }
}

/** Waits until the projections, which follow the events a moment later, have all of them. */
async function projectionsFollowed(mesh: TestMesh): Promise<void> {
  const [admin] = mesh.services.flatMap((service) => service.projections ?? []);
  await eventually(async () => {
    const views = (await admin?.list()) ?? [];
    expect(views).toHaveLength(3);
    for (const { position, headPosition } of views) expect(position).toBe(headPosition);
  });
}

describeServicesOnEachDatabase('the audits of accounts and payments', (settings) => {
  it('find nothing in data of the service, even while it runs', async () => {
    const mesh = await startMesh([paymentService], settings());
    let trading = true;
    const rounds = (async () => {
      while (trading) expect(await audit(mesh)).toEqual({});
    })();
    await trade(mesh);
    trading = false;
    await rounds;
    expect(await audit(mesh)).toEqual({});
    await mesh.stop();
  }, 60_000);

  const tables = ['event', 'event_snapshot', 'account_balances', 'account_statements', 'payment_list'];
  let environment: Record<string, string>;

  async function withStorage<Result>(work: (storage: Storage) => Promise<Result>): Promise<Result> {
    const storage = await openStorage(environment.DATABASE_URL?.replaceAll('<service>', 'payment') ?? '');
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  }

  beforeAll(async () => {
    environment = settings();
    const mesh = await startMesh([paymentService], environment);
    await trade(mesh);
    await projectionsFollowed(mesh);
    expect(await audit(mesh)).toEqual({});
    await mesh.stop();
    await withStorage(async (storage) => {
      for (const table of tables) await storage.execute(`CREATE TABLE kept_${table} AS SELECT * FROM ${table}`);
    });
  });

  beforeEach(() =>
    withStorage(async (storage) => {
      const withPositions = environment.DATABASE_URL?.startsWith('postgres:') ? 'OVERRIDING SYSTEM VALUE' : '';
      for (const table of tables) {
        await storage.execute(`DELETE FROM ${table}`);
        await storage.execute(`INSERT INTO ${table} ${withPositions} SELECT * FROM kept_${table}`);
      }
    }),
  );

  const ofStream = (stream: string, version: string, reason: string) => ({
    'payment/account-events': [expect.objectContaining({ reason, ids: [stream, version] })],
  });
  it.each([
    [
      'an event',
      `UPDATE event SET data = REPLACE(data, '"10"', '"90"') WHERE stream = 'account-ada' AND version = 57`,
      ofStream('account-ada', '57', 'EVENT_CORRUPT'),
    ],
    [
      'an event that is gone',
      `DELETE FROM event WHERE stream = 'account-ada' AND version = 57`,
      ofStream('account-ada', '57', 'EVENT_MISSING'),
    ],
    [
      'a snapshot',
      `UPDATE event_snapshot SET state = REPLACE(state, '"990"', '"991"') WHERE stream = 'account-ada' AND version = 100`,
      ofStream('account-ada', '100', 'SNAPSHOT_DIFFERS'),
    ],
    [
      'a balance',
      `UPDATE account_balances SET balance = '7' WHERE account_id = 'tom'`,
      {
        'payment/ledger': [
          expect.objectContaining({ reason: 'LEDGER_NOT_ZERO', ids: ['EUR', '@sales.EUR', '@world.EUR'] }),
        ],
        'payment/account-balances': [
          expect.objectContaining({ reason: 'ROW_DIFFERS', ids: ['account_balances account_id="tom"'] }),
        ],
      },
    ],
    [
      'a balance of the outside',
      `UPDATE account_balances SET balance = '-7' WHERE account_id = '@world.EUR'`,
      {
        'payment/ledger': [expect.objectContaining({ reason: 'LEDGER_NOT_ZERO' })],
        'payment/account-balances': [expect.objectContaining({ ids: ['account_balances account_id="@world.EUR"'] })],
      },
    ],
    [
      'a statement',
      `UPDATE account_statements SET deposited = '1' WHERE account_id = 'ada'`,
      {
        'payment/monthly-statements': [
          expect.objectContaining({
            ids: [expect.stringMatching(/^account_statements account_id="ada" month="\d{4}-\d\d"$/)],
          }),
        ],
      },
    ],
    [
      'a payment in the list',
      `DELETE FROM payment_list WHERE order_id = 'tom-2'`,
      { 'payment/payment-list': [expect.objectContaining({ ids: ['payment_list order_id="tom-2"'] })] },
    ],
    [
      'a payment whose charge is gone',
      `UPDATE event SET stream = 'payment-elsewhere' WHERE stream = 'payment-tom-2'`,
      {
        'payment/charges': [
          expect.objectContaining({ reason: 'PAYMENT_DIFFERS', ids: ['tom-2', 'tom'] }),
          expect.objectContaining({ reason: 'EVENT_CORRUPT', ids: ['payment-elsewhere', '1'] }),
        ],
      },
    ],
    [
      'a charge that its account has lost',
      `DELETE FROM event WHERE stream = 'account-tom' AND version = (SELECT MAX(version) FROM event WHERE stream = 'account-tom')`,
      {
        'payment/charges': [expect.objectContaining({ reason: 'PAYMENT_DIFFERS', ids: ['tom-1', 'tom'] })],
      },
    ],
    [
      'the first event of an account',
      `DELETE FROM event WHERE stream = 'account-ada' AND version = 1`,
      ofStream('account-ada', '1', 'EVENT_MISSING'),
    ],
    [
      'an event of a payment',
      `UPDATE event SET data = '{}' WHERE stream = 'payment-tom-3' AND version = 1`,
      {
        'payment/charges': [
          expect.objectContaining({ reason: 'PAYMENT_DIFFERS', ids: ['tom-3', 'tom'] }),
          expect.objectContaining({ reason: 'EVENT_CORRUPT', ids: ['payment-tom-3', '1'] }),
        ],
      },
    ],
  ])('report a change by hand: %s', async (_, change, expected) => {
    expect(await withStorage((storage) => storage.execute(change))).toBe(1);
    const mesh = await startMesh([paymentService], environment);
    expect(await audit(mesh)).toMatchObject(expected);
    await mesh.stop();
  });
});
