import { describe, expect, it } from 'vitest';
import { listDeadLetters } from '../../dead-letters/testing/dead-letters.ts';
import { currentScope } from '../../telemetry/call-scope.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { describeConsumers, record, wrapped } from '../testing/consumers.ts';
import { outOfReach } from '../testing/events.ts';

describe('a consumer', () => {
  describeConsumers(({ effectsToBe, makeConsumer, parts }) => {
    it('leaves an event that waits for its next attempt to the next start', async () => {
      const tried = Promise.withResolvers<void>();
      const consumer = await makeConsumer(
        async () => {
          tried.resolve();
          throw new Error('not now');
        },
        { retryDelaysMs: [3_600_000] },
      );
      await consumer.start();
      await parts().events.publish([wrapped('a', 1)]);
      await tried.promise;
      await consumer.stop();
      expect(await listDeadLetters(consumer)).toEqual([]);
      await (await makeConsumer(record)).start();
      await effectsToBe(['1']);
    });

    it('stops within its grace while an event hangs and leaves it to the next start', async () => {
      const clock = createTestClock();
      const taken = Promise.withResolvers<void>();
      const answer = Promise.withResolvers<undefined>();
      const consumer = await makeConsumer(
        () => {
          taken.resolve();
          return answer.promise;
        },
        { clock },
      );
      await consumer.start();
      await parts().events.publish([wrapped('a', 1)]);
      await taken.promise;
      const stopped = consumer.stop(1_000);
      clock.advance(1_000);
      await stopped;
      answer.reject(outOfReach());
      await (await makeConsumer(record)).start();
      await effectsToBe(['1']);
    });

    it('runs the handler in the trace and under the request id of the call that caused the event', async () => {
      const seen = Promise.withResolvers<unknown>();
      await (await makeConsumer(async () => async () => seen.resolve(currentScope()))).start();
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      const event = wrapped('a', 1);
      const traced = { ...event.headers, traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      await parts().events.publish([{ ...event, headers: { ...traced, ce_actor: 'user:alice' } }]);
      const scope = { requestId: 'r-1', traceparent: expect.stringContaining(traceId), actor: 'user:alice' };
      expect(await seen.promise).toMatchObject(scope);
      // It knows who has caused the event, and must not act as this user.
      expect(await seen.promise).not.toHaveProperty('caller');
    });

    it('joins later if the log is unavailable at its start', async () => {
      let cuts = 2;
      const events = { ...parts().events };
      events.consume = (options) => (cuts-- > 0 ? Promise.reject(outOfReach()) : parts().events.consume(options));
      await (await makeConsumer(record, { events })).start();
      await parts().events.publish([wrapped('a', 1)]);
      await effectsToBe(['1']);
    });
  });
});
