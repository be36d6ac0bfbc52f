import { describe, expect, it, onTestFinished } from 'vitest';
import { openStorage } from '../storage/open.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { createIdempotency } from './create-idempotency.ts';
import type { Codec, Idempotency, IdempotentMethod } from './idempotency.ts';

interface Deposit {
  readonly requestId: string;
  readonly amount: number;
}
interface Balance {
  readonly amount: number;
}

const hourMs = 3_600_000;
const deposit: IdempotentMethod<Deposit, Balance> = {
  path: '/test.v1.Bank/Deposit',
  requestType: jsonCodec(),
  responseType: jsonCodec(),
};

function jsonCodec<Message>(): Codec<Message> {
  return {
    encode: (message) => ({ finish: () => Buffer.from(JSON.stringify(message)) }),
    decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()),
  };
}

/** A bank with one account and no protection of its own against doing things twice. */
async function openBank(url: string, clock = createTestClock()) {
  const storage = await openStorage(url, { clock });
  onTestFinished(() => storage.close());
  await storage.migrate('bank', [
    {
      name: '0001-init',
      sql: 'CREATE TABLE account (id BIGINT PRIMARY KEY, balance BIGINT NOT NULL); INSERT INTO account VALUES (1, 0)',
    },
  ]);
  const idempotency = await createIdempotency(storage, { clock });
  return { storage, clock, idempotency };
}

async function add(tx: Transaction, amount: number): Promise<Balance> {
  const [row] = await tx.query('UPDATE account SET balance = balance + $1 RETURNING balance', [amount]);
  return { amount: Number(row?.balance) };
}

function depositOnce(idempotency: Idempotency, request: Deposit): Promise<Balance> {
  return idempotency.onceFor(deposit, request)((tx) => add(tx, request.amount));
}

async function count(storage: Storage, sql: string): Promise<number> {
  const [row] = await storage.query<{ n: bigint }>(sql);
  return Number(row?.n);
}

const balanceOf = (storage: Storage) => count(storage, 'SELECT balance AS n FROM account');
const keptBy = (storage: Storage) => count(storage, 'SELECT count(*) AS n FROM handled_request');

describe('idempotency', () => {
  describeOnEachDatabase((newUrl) => {
    it('returns the first response to a repeated call, and does nothing', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const request = { requestId: 'a', amount: 5 };
      expect(await depositOnce(idempotency, request)).toEqual({ amount: 5 });
      await depositOnce(idempotency, { requestId: 'b', amount: 1 });
      expect(await depositOnce(idempotency, request)).toEqual({ amount: 5 });
      expect(await balanceOf(storage)).toBe(6);
    });

    it('gives fifty concurrent calls with one id one effect and equal responses', async () => {
      const url = newUrl();
      const banks = [await openBank(url), await openBank(url)];
      const request = { requestId: 'a', amount: 5 };
      const calls = banks.flatMap(({ idempotency }) =>
        Array.from({ length: 25 }, () => depositOnce(idempotency, request)),
      );
      expect(new Set((await Promise.all(calls)).map((answer) => JSON.stringify(answer)))).toEqual(
        new Set(['{"amount":5}']),
      );
      for (const { storage } of banks) expect(await balanceOf(storage)).toBe(5);
    });

    it('refuses an id that was used for another payload, and does nothing', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      await depositOnce(idempotency, { requestId: 'a', amount: 5 });
      const reuse = { code: 6, reason: 'REQUEST_ID_REUSED' };
      const other = { requestId: 'a', amount: 6 };
      await expect(depositOnce(idempotency, other)).rejects.toMatchObject(reuse);
      await expect(idempotency.onceFor(deposit, other).replay()).rejects.toMatchObject(reuse);
      expect(await balanceOf(storage)).toBe(5);
    });

    it('treats the same id under another method as another call', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const request = { requestId: 'a', amount: 5 };
      await depositOnce(idempotency, request);
      const bonus = { ...deposit, path: '/test.v1.Bank/Bonus' };
      expect(await idempotency.onceFor(bonus, request)((tx) => add(tx, 1))).toEqual({ amount: 6 });
      expect(await balanceOf(storage)).toBe(6);
    });

    it('does not store a refusal: the repeated call decides again', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const request = { requestId: 'a', amount: 5 };
      const refused = idempotency.onceFor(
        deposit,
        request,
      )(async (tx) => {
        await add(tx, 5);
        throw new Error('the bank is closed');
      });
      await expect(refused).rejects.toThrow('the bank is closed');
      expect(await keptBy(storage)).toBe(0);
      expect(await depositOnce(idempotency, request)).toEqual({ amount: 5 });
      expect(await balanceOf(storage)).toBe(5);
    });

    it('runs a call without an id every time and stores nothing', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const request = { requestId: '', amount: 5 };
      await depositOnce(idempotency, request);
      expect(await depositOnce(idempotency, request)).toEqual({ amount: 10 });
      expect(await idempotency.onceFor(deposit, request).replay()).toBeUndefined();
      expect(await keptBy(storage)).toBe(0);
    });

    it('replays the stored response, and nothing if there is none', async () => {
      const { idempotency } = await openBank(newUrl());
      const request = { requestId: 'a', amount: 5 };
      expect(await idempotency.onceFor(deposit, request).replay()).toBeUndefined();
      await depositOnce(idempotency, request);
      expect(await idempotency.onceFor(deposit, request).replay()).toEqual({ amount: 5 });
    });

    it('runs an effect outside the database once and replays its response', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      let transfers = 0;
      const transferOnce = (requestId: string) =>
        idempotency.onceFor(deposit, { requestId, amount: 5 }).withoutTransaction(async () => {
          transfers += 1;
          return { amount: transfers };
        });
      expect([await transferOnce('a'), await transferOnce('a')]).toEqual([{ amount: 1 }, { amount: 1 }]);
      expect([await transferOnce(''), await transferOnce('')]).toEqual([{ amount: 2 }, { amount: 3 }]);
      expect(await keptBy(storage)).toBe(1);
    });

    it('repeats an effect outside the database that failed, or whose response was not stored', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const once = idempotency.onceFor(deposit, { requestId: 'a', amount: 5 });
      await expect(once.withoutTransaction(() => Promise.reject(new Error('crash')))).rejects.toThrow('crash');
      expect(await keptBy(storage)).toBe(0);
      expect(await once.withoutTransaction(async () => ({ amount: 5 }))).toEqual({ amount: 5 });
    });

    it('purges responses after seven days, in portions, and none before', async () => {
      const { storage, clock, idempotency } = await openBank(newUrl());
      const old = Array.from({ length: 450 }, (_, index) => ({ requestId: `old-${index}`, amount: 1 }));
      await Promise.all(old.map((request) => depositOnce(idempotency, request)));
      clock.advance(7 * 24 * hourMs);
      await depositOnce(idempotency, { requestId: 'new-0', amount: 1 });
      expect(await keptBy(storage)).toBe(451);

      clock.advance(hourMs);
      const kept: number[] = [];
      for (const requestId of ['new-1', 'new-2', 'new-3']) {
        await depositOnce(idempotency, { requestId, amount: 1 });
        kept.push(await keptBy(storage));
      }
      expect(kept).toEqual([252, 53, 4]);
    });

    it.each([
      ['a year ahead', 365 * 24 * hourMs],
      ['a year behind', -365 * 24 * hourMs],
    ])('purges nothing because a clock is %s for a while', async (_title, wrongByMs) => {
      const url = newUrl();
      const before = await openBank(url);
      const first = { requestId: 'first', amount: 5 };
      await depositOnce(before.idempotency, first);
      const wrong = await openBank(url, createTestClock(before.clock.now() + wrongByMs));
      const meanwhile = { requestId: 'meanwhile', amount: 2 };
      await depositOnce(wrong.idempotency, meanwhile);
      // Also in a process that was there before, and after.
      before.clock.shift(wrongByMs);
      before.clock.advance(60_000);
      await depositOnce(before.idempotency, { requestId: 'shifted', amount: 1 });
      const after = await openBank(url, createTestClock(before.clock.now() - wrongByMs));
      await depositOnce(after.idempotency, { requestId: 'after', amount: 1 });
      expect(await depositOnce(after.idempotency, first)).toEqual({ amount: 5 });
      expect(await depositOnce(after.idempotency, meanwhile)).toEqual({ amount: 7 });
      expect(await balanceOf(after.storage)).toBe(9);
    });

    it('still purges after seven days if one response was stored while a clock was a year ahead', async () => {
      const url = newUrl();
      const { storage, clock, idempotency } = await openBank(url);
      for (const requestId of ['old', 'ahead']) await depositOnce(idempotency, { requestId, amount: 1 });
      const ahead = [clock.now() + 365 * 24 * hourMs, 'ahead'];
      await storage.execute('UPDATE handled_request SET create_time = $1 WHERE request_id = $2', ahead);
      const next = await openBank(url, clock);
      await depositOnce(next.idempotency, { requestId: 'new', amount: 1 });
      expect(await keptBy(storage)).toBe(3);
      clock.advance(8 * 24 * hourMs);
      await depositOnce(next.idempotency, { requestId: 'newer', amount: 1 });
      expect(await keptBy(storage)).toBe(2);
    });

    it('runs a hundred calls of one commit group once each, in order, and stores a response for each', async () => {
      const { storage, idempotency } = await openBank(newUrl());
      const requests = Array.from({ length: 100 }, (_, index) => ({ requestId: `${index}`, amount: 1 }));
      const depositInGroup = (request: Deposit) =>
        idempotency.onceFor(deposit, request)((tx) => add(tx, request.amount), { commitGroup: 'account' });
      const answers = await Promise.all(requests.map(depositInGroup));
      expect(answers).toEqual(requests.map((_, index) => ({ amount: index + 1 })));
      expect(await Promise.all(requests.map(depositInGroup))).toEqual(answers);
      expect([await balanceOf(storage), await keptBy(storage)]).toEqual([100, 100]);
    });

    it('passes the commit group and the signal to the transaction, with an id and without', async () => {
      const { storage, clock } = await openBank(newUrl());
      const seen: unknown[] = [];
      const watched: Storage = {
        ...storage,
        transaction: (work, options) => {
          seen.push(options);
          return storage.transaction(work, options);
        },
      };
      const idempotency = await createIdempotency(watched, { clock });
      const options = { commitGroup: 'account', signal: new AbortController().signal };
      for (const requestId of ['a', ''])
        await idempotency.onceFor(deposit, { requestId, amount: 1 })((tx) => add(tx, 1), options);
      expect(seen).toEqual([options, options]);
    });

    it('refuses to keep responses for less than a day', async () => {
      const { storage, clock } = await openBank(newUrl());
      const short = createIdempotency(storage, { clock, retentionMs: 23 * hourMs });
      await expect(short).rejects.toThrow('at least 24 hours');
    });
  });
});
