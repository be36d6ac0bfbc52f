import { describe, expect, it } from 'vitest';
import { OrderEvent } from '../../../gen/ts/order/v1/events.ts';
import { readAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { consume, decodeEvent } from './consume.ts';

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

/** A CloudEvent whose attributes and data are one JSON object. */
const structured = (data: object) =>
  stored(
    Buffer.from(JSON.stringify({ specversion: '1.0', id: '1', source: '//shop', type: 'ORDER_PLACED', ...data })),
    'application/cloudevents+json; charset=utf-8',
  );

describe('decodeEvent', () => {
  it.each([
    ['JSON', stored(json, 'application/json')],
    ['JSON with a charset', stored(json, 'application/json; charset=utf-8')],
    ['a type of JSON', stored(json, 'application/vnd.shop.order+json')],
    ['JSON with an empty content type', stored(json, ' ')],
    ['JSON with its header in another case', { ...stored(json), headers: { 'Content-Type': 'application/json' } }],
    ['a CloudEvent in the structured mode', structured({ data: OrderEvent.toJSON(message) })],
    [
      'protobuf in the structured mode',
      structured({
        datacontenttype: 'application/protobuf',
        data_base64: Buffer.from(OrderEvent.encode(message).finish()).toString('base64'),
      }),
    ],
    ['JSON of a producer that sets no headers', stored(json)],
    ['protobuf in another spelling', stored(OrderEvent.encode(message).finish(), 'Application/X-Protobuf ; v=1')],
    ['protobuf', stored(OrderEvent.encode(message).finish(), 'application/protobuf')],
  ])('decodes %s', (_, event) => {
    expect(decodeEvent(event, OrderEvent)).toEqual(message);
  });

  it.each([
    [
      'application/xml',
      'its content type application/xml is unknown: send application/json or application/protobuf (with EventService/Publish: set json, not payload)',
    ],
    ['text/plain', 'its content type text/plain is unknown'],
    ['application/octet-stream', 'its content type application/octet-stream is unknown'],
    ['application/cloudevents-batch+json', 'its content type application/cloudevents-batch+json is unknown'],
    ['application/cloudevents+json', 'its content type application/cloudevents+json is unknown'],
    ['application/json; charset="utf-16"', 'its charset utf-16 is unknown: send UTF-8'],
  ])('refuses JSON that is sent as %s, with the reason', (contentType, problem) => {
    expect(() => decodeEvent(stored(json, contentType), OrderEvent)).toThrow(
      expect.objectContaining({ reason: 'UNDECODABLE', message: expect.stringContaining(problem) }),
    );
  });

  it.each([
    ['broken JSON', stored(Buffer.from('{"type":'))],
    ['JSON that is not an object', stored(Buffer.from('null'))],
    ['bytes that are not UTF-8', stored(Buffer.from([0x22, 0xff, 0x22]))],
    ['a message that was cut off', stored(OrderEvent.encode(message).finish().subarray(0, 5), 'application/protobuf')],
  ])('refuses %s, with its place in the log', (_, event) => {
    expect(() => decodeEvent(event, OrderEvent)).toThrow(
      expect.objectContaining({ reason: 'UNDECODABLE', metadata: { place: 't/0/7' } }),
    );
  });
});

describe('consume', () => {
  const seen: unknown[] = [];
  const effect = async () => undefined;
  const handlerOf = (types?: readonly string[]) =>
    consume(OrderEvent, {
      group: 'g',
      topic: 't',
      ...(types && { types }),
      handle: async (event, { type }) => {
        seen.push([type, event]);
        return effect;
      },
    });
  const handle = (event: StoredEvent, types?: readonly string[]) =>
    handlerOf(types).handle(event, readAttributes(event));

  it('handles the decoded message', async () => {
    expect(handlerOf()).toMatchObject({ group: 'g', topics: ['t'] });
    await expect(handle(stored(json), ['ORDER_PLACED'])).resolves.toBe(effect);
    expect(seen).toEqual([['ORDER_PLACED', message]]);
  });

  it('skips an event without a type, and refuses one that cannot be read', async () => {
    await expect(handle(stored(Buffer.from('{}')), ['ORDER_PLACED'])).resolves.toMatchObject({
      skipped: 'unknown-type',
    });
    const xml = stored(Buffer.from('<order/>'), 'application/xml');
    await expect(handle(xml, ['ORDER_PLACED'])).rejects.toMatchObject({ reason: 'UNDECODABLE' });
  });

  it('skips other types without decoding them', async () => {
    const other = { ...stored(Buffer.from('{'), 'application/json'), headers: { ce_type: 'ORDER_CANCELLED' } };
    await expect(handle(other, ['ORDER_PLACED'])).resolves.toBeUndefined();
    await expect(handle(other)).rejects.toMatchObject({ reason: 'UNDECODABLE' });
  });
});
