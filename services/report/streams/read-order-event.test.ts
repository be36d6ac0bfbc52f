import { describe, expect, it } from 'vitest';
import type { OrderEvent } from '#gen/order/v1/events.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import type { NewEvent } from '#mesh';
import { asJson, asProtobuf, orderMessage } from '../testing/order-events.ts';
import { readOrderEvent } from './read-order-event.ts';

const good = orderMessage({ orderId: 'o1', type: 'ORDER_PAID', version: 3n, lines: [['lamp', 2, 1999n]] });
const order = good.order ?? expect.fail('it has no order');

const read = (event: NewEvent, type = '', source = '//ordermesh/order') =>
  readOrderEvent({ ...event, partition: 0, offset: 0n }, { type, source });

describe('readOrderEvent', () => {
  const expected = {
    orderId: 'o1',
    change: {
      type: 'ORDER_PAID',
      orderVersion: 3n,
      userId: 'ada',
      state: 'PAID',
      total: { currencyCode: 'USD', minorUnits: 3998n },
      lines: [{ sku: 'lamp', quantity: 2, unitPrice: 1999n }],
      createTimeMs: 1_780_000_000_000,
      updateTimeMs: 1_780_000_000_003,
    },
  };

  it.each([
    ['JSON', asJson(good)],
    ['protobuf', asProtobuf(good)],
  ])('returns the same change for %s', (_, event) => {
    expect(read(event)).toEqual(expected);
    expect(read(event, 'ORDER_PAID')).toEqual(expected);
  });

  it('takes the type from the headers if there is one', () => {
    expect(read(asJson({ ...good, type: '' }), 'ORDER_PAID')).toEqual(expected);
    expect(() => read(asJson(good), 'ORDER_PLACED')).toThrow('its order is not PENDING, but its type is ORDER_PLACED');
  });

  it('skips an unknown type, regardless of the content', () => {
    const skipped = { skipped: 'unknown-type' };
    expect(read({ ...asJson(good), value: Buffer.from('{') }, 'ORDER_GIFT_WRAPPED')).toMatchObject(skipped);
    expect(read(asJson({ ...good, type: 'toString' }))).toMatchObject(skipped);
  });

  it.each<[string, Partial<OrderEvent>]>([
    ['orderId', { orderId: '' }],
    ['userId', { userId: '' }],
    ['version', { version: 0n }],
    ['order', { order: undefined }],
    ['order.total', { order: { ...order, total: undefined } }],
    ['order.items', { order: { ...order, items: [] } }],
    ['order.createTime', { order: { ...order, createTime: undefined } }],
  ])('skips an event of another producer without %s', (field, changed) => {
    const event = asJson({ ...good, ...changed });
    for (const source of ['', '//shop.example/web', '//ordermesh/bridge'])
      expect(read(event, 'ORDER_PAID', source)).toEqual({ skipped: 'incomplete', problem: `it has no ${field}` });
    expect(() => read(event, 'ORDER_PAID')).toThrow(expect.objectContaining({ reason: 'UNDECODABLE' }));
  });

  it('refuses an invalid field of any producer', () => {
    const invalid = asJson({ ...good, orderId: 'o 1' });
    expect(() => read(invalid, 'ORDER_PAID', '//shop.example/web')).toThrow('orderId is not a valid id');
  });

  it.each([
    '{',
    '[]',
    '{"type": "ORDER_PAID", "version": "two"}',
    '{"type": "ORDER_PAID", "order": {"items": [{"unitPrice": {"minorUnits": 1.5}}]}}',
  ])('refuses bytes that are not a message: %s', (text) => {
    const unreadable = expect.objectContaining({ reason: 'UNDECODABLE', code: 3 });
    expect(() => read({ ...asJson(good), value: Buffer.from(text) })).toThrow(unreadable);
  });
});

describe('the validation in readOrderEvent', () => {
  const withOrder = (changed: object) => ({ order: { ...order, ...changed } });
  const withItem = (changed: object) => withOrder({ items: order.items.map((item) => ({ ...item, ...changed })) });
  const usd = (minorUnits: bigint) => ({ currencyCode: 'USD', minorUnits });

  it.each<[string, Partial<OrderEvent>, string]>([
    ['without a type', { type: '' }, 'it has no type'],
    ['without an order id', { orderId: '' }, 'orderId is not a valid id'],
    ['with an invalid order id', { orderId: 'o 1' }, 'orderId is not a valid id'],
    ['without a user', { userId: '' }, 'userId is not a valid id'],
    ['without a version', { version: 0n }, 'version is not a positive int64'],
    ['with a version beyond 64 bits', { version: 2n ** 63n }, 'version is not a positive int64'],
    ['without the order', { order: undefined }, 'it has no order'],
    ['in another state', withOrder({ state: OrderState.ORDER_STATE_FAILED }), 'its order is not PAID'],
    ['without a total', withOrder({ total: undefined }), 'no total with a currency'],
    ['without a currency', withOrder({ total: { currencyCode: 'usd', minorUnits: 1n } }), 'no total with a currency'],
    ['with a total beyond 64 bits', withOrder({ total: usd(2n ** 63n) }), 'the total does not fit into 64 bits'],
    ['without items', withOrder({ items: [] }), 'its order has no items'],
    ['without a sku', withItem({ sku: '' }), 'items[0].sku is not a valid sku'],
    ['with no quantity of an item', withItem({ quantity: 0 }), 'items[0].quantity is not a positive int32'],
    ['with a quantity beyond 32 bits', withItem({ quantity: 2 ** 31 }), 'items[0].quantity is not a positive int32'],
    ['without a price', withItem({ unitPrice: undefined }), 'items[0].unitPrice is not in the currency'],
    [
      'with a price in another currency',
      withItem({ unitPrice: { currencyCode: 'EUR', minorUnits: 1n } }),
      'items[0].unitPrice is not in the currency',
    ],
    ['with a price beyond 64 bits', withItem({ unitPrice: usd(2n ** 63n) }), 'items[0].unitPrice does not fit'],
    ['without a time', withOrder({ createTime: undefined }), 'createTime of its order is not a valid time'],
    ['with a time before 1970', withOrder({ updateTime: new Date(-1) }), 'updateTime of its order is not a valid time'],
  ])('refuses an event %s', (_, changed, problem) => {
    const unreadable = { reason: 'UNDECODABLE', code: 3, message: expect.stringContaining(problem) };
    expect(() => read(asJson({ ...good, ...changed }))).toThrow(expect.objectContaining(unreadable));
  });

  it('refuses an event with half an item', () => {
    const event = asJson(good);
    const text = Buffer.from(event.value).toString().replace('"quantity":2', '"quantity":1.5');
    expect(() => read({ ...event, value: Buffer.from(text) })).toThrow('items[0].quantity is not a positive int32');
  });
});
