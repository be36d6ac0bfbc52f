import { describe, expect, it } from 'vitest';
import { readAttributes } from './envelope.ts';
import { toBinaryMode } from './structured-mode.ts';

const stored = { topic: 't', partition: 0, offset: 0n, key: 'k', timeMs: 1 };
const attributes = { specversion: '1.0', id: 'event-1', source: '//shop', type: 'ORDER_PLACED', subject: 'order-1' };
const eventOf = (envelope: unknown, contentType = 'application/cloudevents+json; charset=utf-8') => ({
  ...stored,
  headers: { 'Content-Type': contentType, other: 'x' },
  value: Buffer.from(typeof envelope === 'string' ? envelope : JSON.stringify(envelope)),
});
const textOf = ({ value }: { readonly value: Uint8Array }) => Buffer.from(value).toString();

describe('a CloudEvent in the structured mode', () => {
  it('has the attributes of its JSON', () => {
    const event = eventOf({ ...attributes, sequence: '7', traceparent: '00-1-2-01', correlationid: 'c', data: {} });
    expect(readAttributes(event)).toEqual({
      id: 'event-1',
      type: 'ORDER_PLACED',
      source: '//shop',
      subject: 'order-1',
      version: 7n,
      traceparent: '00-1-2-01',
      correlationId: 'c',
    });
  });

  it.each<[string, object, string, string]>([
    ['JSON by default', { data: { orderId: 'o' } }, 'application/json', '{"orderId":"o"}'],
    ['text', { data: 'a,b', datacontenttype: 'text/csv' }, 'text/csv', 'a,b'],
    ['a JSON text', { data: 'a', datacontenttype: 'application/json' }, 'application/json', '"a"'],
    ['bytes', { data_base64: 'CAE=', datacontenttype: 'application/protobuf' }, 'application/protobuf', '\b\u0001'],
    ['nothing', {}, 'application/json', ''],
  ])('has %s as its value', (_, data, contentType, text) => {
    const binary = toBinaryMode(eventOf({ ...attributes, ...data }));
    expect(binary.headers).toMatchObject({ 'content-type': contentType, other: 'x', ce_id: 'event-1' });
    expect(Object.keys(binary.headers)).not.toContain('Content-Type');
    expect(textOf(binary)).toBe(text);
  });

  it.each(['{', '[]', '{"id": "1", "type": "A"}', '{"id": 1, "type": "A", "source": "s"}'])(
    'is left as it is if it is not valid: %s',
    (text) => {
      const event = eventOf(text);
      expect(toBinaryMode(event)).toBe(event);
    },
  );
});
