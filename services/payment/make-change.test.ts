import { afterEach, expect, it } from 'vitest';
import { AccountServiceDefinition, DepositRequest } from '#gen/payment/v1/payment.ts';
import { createIdempotency, openStorage, repeatable, type Storage, systemClock } from '#mesh';
import { describeOnEachDatabase } from '#mesh/testing';
import { createMakeChange } from './make-change.ts';

const depositing = repeatable(AccountServiceDefinition, AccountServiceDefinition.methods.deposit);

describeOnEachDatabase((newUrl) => {
  let storage: Storage;
  afterEach(() => storage.close());

  it('a change whose deadline ends while it waits for others of its account is not made', async () => {
    storage = await openStorage(newUrl());
    await storage.migrate('test', [{ name: '0001-init', sql: 'CREATE TABLE made (number BIGINT PRIMARY KEY)' }]);
    const makeChange = createMakeChange(await createIdempotency(storage, { clock: systemClock }), systemClock);
    const make = (index: number, signal: AbortSignal) => {
      const request = DepositRequest.fromPartial({ requestId: `request-${index}` });
      return makeChange(depositing, request, 'ada', { requestId: '', signal }, async (tx) => {
        await tx.execute('INSERT INTO made (number) VALUES ($1)', [index]);
        return { id: 'ada', balance: undefined, version: 1n, createTime: undefined, updateTime: undefined };
      });
    };
    const late = new AbortController();
    const first = make(0, new AbortController().signal);
    const others = Array.from({ length: 100 }, (_, index) => make(index + 1, late.signal));
    const outcomes = Promise.allSettled(others);
    late.abort(new Error('the deadline is over'));
    await first;
    expect(new Set((await outcomes).map(({ status }) => status))).toEqual(new Set(['rejected']));
    expect(await storage.query('SELECT number FROM made')).toEqual([{ number: 0n }]);
  });
});
