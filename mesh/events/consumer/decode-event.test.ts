import { expect, test } from 'vitest';
import { OrderEvent } from '../../../gen/ts/order/v1/events.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { decodeEvent } from './decode-event.ts';

const message = OrderEvent.fromPartial({
  type: 'ORDER_PLACED',
  userId: 'u-1',
  total: { currencyCode: 'USD', minorUnits: 1999n },
});
const json = Buffer.from(JSON.stringify(OrderEvent.toJSON(message)));
const stored = (value: Uint8Array, contentType?: string): StoredEvent => ({
  topic: 't',
  partition: 0,
  offset: 7n,
  key: 'a',
  timeMs: 0,
  value,
  headers: contentType === undefined ? {} : { 'content-type': contentType },
});

test.each([
  ['JSON', stored(json, 'application/json')],
  ['JSON with a charset', stored(json, 'application/json; charset=utf-8')],
  ['JSON of a producer that sets no headers', stored(json)],
  ['protobuf in the spelling of another', stored(OrderEvent.encode(message).finish(), 'Application/X-Protobuf ; v=1')],
  ['protobuf', stored(OrderEvent.encode(message).finish(), 'application/protobuf')],
])('reads %s', (_, event) => {
  expect(decodeEvent(event, OrderEvent)).toEqual(message);
});

test.each([
  ['broken JSON', stored(Buffer.from('{"type":'))],
  ['JSON that is no object', stored(Buffer.from('null'))],
  ['bytes that are no UTF-8', stored(Buffer.from([0x22, 0xff, 0x22]))],
  ['a message that was cut off', stored(OrderEvent.encode(message).finish().subarray(0, 5), 'application/protobuf')],
])('refuses %s, with its place in the log', (_, event) => {
  expect(() => decodeEvent(event, OrderEvent)).toThrow(
    expect.objectContaining({ reason: 'UNDECODABLE', metadata: { place: 't/0/7' } }),
  );
});
