import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EventRecord } from '#gen/events/v1/events.ts';
import { Saga, SagaStepState } from '#gen/ops/v1/ops.ts';
import { Order, OrderState } from '#gen/order/v1/order.ts';
import { orderLines, sincePlaced } from '../../examples/demo/show-order.ts';
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

  it('shows the steps of an order that has not ended without times that they do not have', () => {
    const at = (ms: number) => new Date(1_000 + ms);
    const saga = Saga.fromPartial({
      steps: [
        {
          name: 'reserve-stock',
          state: SagaStepState.SAGA_STEP_STATE_DONE,
          attempts: 1,
          startTime: at(1),
          endTime: at(5),
        },
        {
          name: 'charge',
          state: SagaStepState.SAGA_STEP_STATE_UNDOING,
          attempts: 1,
          undoAttempts: 2,
          startTime: at(5),
          endTime: at(9),
          undoStartTime: at(20),
        },
        { name: 'create-shipment', state: SagaStepState.SAGA_STEP_STATE_STARTED, attempts: 9, startTime: at(9) },
        { name: 'commit-stock', state: SagaStepState.SAGA_STEP_STATE_PENDING },
        { name: 'close', state: SagaStepState.SAGA_STEP_STATE_PENDING },
      ],
    });
    const order = Order.fromPartial({ createTime: at(0) });
    const lines = orderLines({ order, saga, events: [], faults: [], mails: [] }).slice(1).map(stripVTControlCharacters);
    expect(lines).toEqual([
      '      +1 ms  saga   reserve-stock       DONE in 4 ms, 1 attempt',
      '      +5 ms  saga   charge              UNDOING: ran in 4 ms, 1 attempt; undo 2 attempts',
      '      +9 ms  saga   create-shipment     STARTED, 9 attempts',
      '    not yet  saga   commit-stock        PENDING',
      '    not yet  saga   close               PENDING',
    ]);
  });
});

describe('sincePlaced', () => {
  const order = Order.fromPartial({ createTime: new Date(1_000) });
  it.each([
    [1_012, '+12 ms'],
    [74_195, '+73.2 s'],
    [990, '-10 ms'],
    [undefined, 'not yet'],
  ])('shows the time %s', (timeMs, text) => {
    expect(sincePlaced(order, timeMs)).toBe(text.padStart(11));
  });

  it('shows what does not happen any more', () => {
    const ended = { ...order, state: OrderState.ORDER_STATE_CANCELLED };
    expect(sincePlaced(ended, undefined)).toBe('      never');
  });
});
