import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { RecordedEvent } from '#mesh';
import { accountEventTypes } from './account-stream.ts';
import { paymentEventTypes } from './payment-stream.ts';

const folder = new URL('testdata/events/', import.meta.url);
const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });
const deposit = {
  type: 'MONEY_DEPOSITED',
  amount: usd(50n),
  previousBalance: usd(100n),
  newBalance: usd(150n),
  reference: 'salary "May"',
  counterpart: '@world.USD',
} as const;
const charge = {
  type: 'MONEY_WITHDRAWN',
  amount: usd(9_223_372_036_854_775_807n),
  previousBalance: usd(9_223_372_036_854_775_807n),
  newBalance: usd(0n),
  reference: 'order:7b0f5a52',
  counterpart: '@sales.USD',
} as const;
const refund = { ...deposit, reference: 'order:7b0f5a52', counterpart: '@sales.USD' } as const;
const paid = { type: 'PAYMENT_CHARGED', id: 'pay-1', userId: 'ada', amount: usd(1999n) } as const;

// The meaning of each file's event. A file is never changed or removed: such events may be stored anywhere.
const meanings: Readonly<Record<string, object>> = {
  'ACCOUNT_OPENED.v1.json': { type: 'ACCOUNT_OPENED', currencyCode: 'USD' },
  'MONEY_DEPOSITED.v1.json': deposit,
  'MONEY_DEPOSITED.v1.refund.json': refund,
  'MONEY_DEPOSITED.v2.json': deposit,
  'MONEY_WITHDRAWN.v1.json': charge,
  'MONEY_WITHDRAWN.v2.json': charge,
  'PAYMENT_CHARGED.v1.json': { ...paid, owner: '' },
  'PAYMENT_CHARGED.v1.owner.json': { ...paid, owner: 'gift' },
  'PAYMENT_REFUNDED.v1.json': { type: 'PAYMENT_REFUNDED', id: 'pay-1' },
};
const currentVersions = {
  ACCOUNT_OPENED: 1,
  MONEY_DEPOSITED: 2,
  MONEY_WITHDRAWN: 2,
  PAYMENT_CHARGED: 1,
  PAYMENT_REFUNDED: 1,
} as const;

/** The event that a file keeps the bytes of. */
async function readEvent(file: string): Promise<{ readonly text: string; readonly event: RecordedEvent }> {
  const [, type = '', version] = /^([A-Z_]+)\.v(\d+)\./.exec(file) ?? [];
  const text = (await readFile(new URL(file, folder), 'utf8')).trimEnd();
  const place = { position: 1n, stream: 'account-ada', version: 1n, correlationId: 'r', timeMs: 0 };
  return { text, event: { ...place, type, schemaVersion: Number(version), data: JSON.parse(text) } };
}

function typesOf(type: string): typeof accountEventTypes | typeof paymentEventTypes {
  return type.startsWith('PAYMENT_') ? paymentEventTypes : accountEventTypes;
}

describe('the stored events of accounts and payments', () => {
  it('match the list of files and meanings in this test', async () => {
    expect((await readdir(folder)).toSorted()).toEqual(Object.keys(meanings).toSorted());
  });

  it.each(Object.entries(meanings))('stay readable: %s', async (file, meaning) => {
    const { event } = await readEvent(file);
    expect(typesOf(event.type).decode(event)).toEqual(meaning);
  });

  it.each(Object.entries(currentVersions))('keep their bytes when written: %s', async (type, version) => {
    const file = `${type}.v${version}.json`;
    const { text } = await readEvent(file);
    const encoded = (typesOf(type).encode as (body: object) => object)(meanings[file] ?? {});
    expect(encoded).toEqual({ type, schemaVersion: version, data: JSON.parse(text) });
    expect(JSON.stringify((encoded as { data: object }).data)).toBe(text);
  });

  it('have a file for each schema version up to the current one', () => {
    const wanted = Object.entries(currentVersions).flatMap(([type, current]) =>
      Array.from({ length: current }, (_, index) => `${type}.v${index + 1}.json`),
    );
    expect(Object.keys(meanings)).toEqual(expect.arrayContaining(wanted));
  });

  it('have no newer version than these files', () => {
    for (const [type, version] of Object.entries(currentVersions)) {
      const { schemaVersion } = (typesOf(type).encode as (body: object) => { schemaVersion: number })(
        meanings[`${type}.v${version}.json`] ?? {},
      );
      expect(schemaVersion, type).toBe(version);
    }
  });
});
