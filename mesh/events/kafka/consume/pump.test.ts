import { beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../../testing/eventually.ts';
import { systemClock } from '../../../time/clock.ts';
import type { StoredEvent } from '../../log/event-log.ts';
import { silent as logger } from '../../testing/events.ts';
import { heldHandler } from '../../testing/held-handler.ts';
import { createPump, type Pump } from './pump.ts';

const stored = (offset: bigint): StoredEvent => {
  return { topic: 't', partition: 0, offset, key: 'k', headers: {}, value: new Uint8Array(9), timeMs: 0 };
};

describe('the pump of a partition', () => {
  let handler: ReturnType<typeof heldHandler>;
  let commits: (bigint | undefined)[];

  function createOne(concurrency: number): Pump {
    const place = { topic: 't', topicId: 'id', partition: 0, start: 5n };
    const onHandled = () => commits.push(pump.handled);
    const { handle } = handler;
    const after = Promise.resolve();
    const pump = createPump({ ...place, handle, concurrency, after, onHandled, clock: systemClock, logger });
    // With a gap, as after compaction.
    void pump.deliver([5n, 6n, 8n, 9n, 10n].map(stored), 11n);
    return pump;
  }

  beforeEach(() => {
    handler = heldHandler();
    commits = [];
  });

  it('delivers one event at a time, unless more are asked for', async () => {
    const pump = createOne(1);
    await eventually(() => expect(handler.begun()).toEqual([5]));
    handler.end([5]);
    await eventually(() => expect(handler.begun()).toEqual([5, 6]));
    expect(commits).toEqual([6n]);
    handler.end([6]);
    await pump.release();
  });

  it('delivers as many as are asked for, and the next ones when these are handled', async () => {
    const pump = createOne(3);
    await eventually(() => expect(handler.begun()).toEqual([5, 6, 8]));
    handler.end([6, 8]);
    await eventually(() => expect(handler.ended()).toEqual([6, 8]));
    expect(pump.handled).toBeUndefined();
    handler.end([5]);
    await eventually(() => expect(handler.begun()).toEqual([5, 6, 8, 9, 10]));
    expect(pump.handled).toBe(9n);
    handler.end([9, 10]);
    await eventually(() => expect(pump.handled).toBe(11n));
    await pump.release();
  });

  it('delivers only that event again which was not handled, and what is handled ends before it', async () => {
    const pump = createOne(3);
    await eventually(() => expect(handler.begun()).toHaveLength(3));
    handler.fail(6);
    handler.end([5, 8]);
    await eventually(() => expect(handler.begun()).toEqual([5, 6, 8, 6]));
    expect(pump.handled).toBe(6n);
    handler.end([6]);
    await eventually(() => expect(handler.begun()).toEqual([5, 6, 8, 6, 9, 10]));
    expect(pump.handled).toBe(9n);
    handler.end([9, 10]);
    await pump.release();
  });

  it('is released when all of them have ended, and knows which are handled', async () => {
    const pump = createOne(3);
    await eventually(() => expect(handler.begun()).toHaveLength(3));
    let isReleased = false;
    const releasing = pump.release().then(() => {
      isReleased = true;
    });
    handler.end([5]);
    handler.fail(6);
    await eventually(() => expect(handler.ended()).toEqual([5]));
    expect(isReleased).toBe(false);
    handler.end([8]);
    await releasing;
    expect(pump.handled).toBe(6n);
    expect(handler.begun()).toEqual([5, 6, 8]);
  });
});
