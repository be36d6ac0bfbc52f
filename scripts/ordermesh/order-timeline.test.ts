import { describe, expect, it } from 'vitest';
import { EventRecord } from '#gen/events/v1/events.ts';
import { Saga } from '#gen/ops/v1/ops.ts';
import { timelineOf } from '../../examples/demo/timeline.ts';

describe('the timeline of an order', () => {
  it('marks an event that the log has twice', () => {
    const time = new Date(1_000);
    const event = (id: string, offset: bigint) =>
      EventRecord.fromPartial({ time, id, type: 'ORDER_PLACED', topic: 'order.events', partition: 0, offset });
    const moments = timelineOf(Saga.fromPartial({}), [event('a', 4n), event('b', 5n), event('a', 6n)], []);
    expect(moments.map(({ detail }) => detail)).toEqual([
      'order.events, partition 0, offset 4',
      'order.events, partition 0, offset 5',
      'order.events, partition 0, offset 6 (again)',
    ]);
  });
});
