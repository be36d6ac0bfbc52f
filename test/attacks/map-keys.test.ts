import { expect, it } from 'vitest';
import { EventRecord, PublishRequest } from '#gen/events/v1/events.ts';

/** A field of a message: its tag, its length, its bytes. */
function field(number: number, bytes: Uint8Array | string): Buffer {
  const content = Buffer.from(bytes);
  return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
}

const entry = (number: number, key: string) => field(number, Buffer.concat([field(1, key), field(2, 'x')]));

// ts-proto has maps as plain objects, so this key cannot be kept. As a Map, each map of the contracts would have another type.
it.each([
  ['a request', 7, PublishRequest],
  ['a response', 8, EventRecord],
] as const)(
  'the map of %s loses the key __proto__ on the wire, and no other, and nothing is polluted',
  (_, number, type) => {
    const keys = ['__proto__', 'constructor', 'toString', 'plain'];
    const { headers } = type.decode(Buffer.concat(keys.map((key) => entry(number, key))));
    expect(Object.entries(headers)).toEqual(keys.slice(1).map((key) => [key, 'x']));
    expect(Object.getPrototypeOf(headers)).toBe(Object.prototype);
    expect(Object.keys(Object.prototype)).toEqual([]);
  },
);
