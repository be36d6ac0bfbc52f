import { describe, expect, it } from 'vitest';
import { OrderEvent } from '../../../gen/ts/order/v1/events.ts';
import { defineTopic } from './topic.ts';

const topic = defineTopic('order.events', OrderEvent, {
  key: ({ orderId }) => orderId,
  version: ({ version }) => version,
});

describe('a topic', () => {
  const message = OrderEvent.fromPartial({
    type: 'ORDER_PLACED',
    orderId: 'order-1',
    timestamp: new Date(1_700_000_000_123),
    version: 3n,
  });

  it('makes the event of a message', () => {
    expect(topic.event(message)).toEqual({
      topic: 'order.events',
      key: 'order-1',
      type: 'ORDER_PLACED',
      version: 3n,
      timeMs: 1_700_000_000_123,
      json: OrderEvent.toJSON(message),
    });
  });

  it('refuses a message without type or timestamp', () => {
    expect(() => topic.event({ ...message, type: '' })).toThrow('an event of order.events has no type');
    expect(() => topic.event({ ...message, timestamp: undefined })).toThrow(
      'event ORDER_PLACED of order.events has no',
    );
  });
});
