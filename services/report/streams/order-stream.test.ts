import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { JsonObject, RecordedEvent } from '#mesh';
import { type OrderChange, type OrderEventType, stateByEventType } from '../order.ts';
import { orderEventTypes } from './order-stream.ts';

// Stored events never change, so golden files never change. A new schema version of a type gets another file next to the
// old ones: `ORDER_PAID.v2.json`.
const folder = new URL('./testdata/events/', import.meta.url);
const files = await readdir(folder);
const types = Object.keys(stateByEventType) as OrderEventType[];

/** The change in the golden files of a type: with every field, and amounts beyond JSON numbers. */
function changeOf(type: OrderEventType): OrderChange {
  return {
    type,
    orderVersion: 2n ** 53n + 1n,
    userId: 'ada',
    state: stateByEventType[type],
    total: { currencyCode: 'USD', minorUnits: 2n ** 63n - 1n },
    lines: [
      { sku: 'lamp', quantity: 2, unitPrice: 4611686018427387903n },
      { sku: 'bulb', quantity: 1, unitPrice: 1n },
    ],
    createTimeMs: 1_780_000_000_000,
    updateTimeMs: 1_780_000_000_123,
  };
}

/** The content of a golden file. */
type Golden = Pick<RecordedEvent, 'type' | 'schemaVersion'> & { readonly data: JsonObject };

const nameOf = ({ type, schemaVersion }: Omit<Golden, 'data'>) => `${type}.v${schemaVersion}.json`;

async function readText(file: string): Promise<string> {
  return await readFile(new URL(file, folder), 'utf8');
}

async function recorded(file: string): Promise<RecordedEvent> {
  const golden = JSON.parse(await readText(file)) as Golden;
  expect(nameOf(golden), 'the name matches the content').toBe(file);
  return { ...golden, stream: 'order-1', version: 1n, position: 1n, correlationId: 'request-1', timeMs: 1 };
}

describe('a stored event of an order', () => {
  it.each(files)('stays readable: %s', async (file) => {
    const event = await recorded(file);
    expect(orderEventTypes.decode(event)).toEqual(changeOf(event.type as OrderEventType));
  });

  it.each(types)('matches its newest golden file when written: %s', async (type) => {
    const encoded = orderEventTypes.encode(changeOf(type));
    expect(files).toContain(nameOf(encoded));
    expect(`${JSON.stringify(encoded, null, 2)}\n`).toBe(await readText(nameOf(encoded)));
  });

  it.each(types)('has a golden file for each schema version that its type ever had: %s', (type) => {
    const { schemaVersion: current } = orderEventTypes.encode(changeOf(type));
    const versions = Array.from({ length: current }, (_, index) => nameOf({ type, schemaVersion: index + 1 }));
    expect(files.filter((file) => file.startsWith(`${type}.`)).toSorted()).toEqual(versions.toSorted());
  });

  it('causes an error if a newer version of this service wrote it', async () => {
    const event = await recorded(nameOf({ type: 'ORDER_PAID', schemaVersion: 1 }));
    const unreadable = { reason: 'EVENT_UNREADABLE' };
    const read = (newer: Partial<RecordedEvent>) => () => orderEventTypes.decode({ ...event, ...newer });
    expect(read({ schemaVersion: 99 })).toThrow(expect.objectContaining(unreadable));
    expect(read({ type: 'ORDER_GIFT_WRAPPED' })).toThrow(expect.objectContaining(unreadable));
  });
});
