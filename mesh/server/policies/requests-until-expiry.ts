import type { Clock } from '../../time/clock.ts';
import type { TimerWheel, WheelTimer } from '../../time/timer-wheel.ts';

export interface ExpiryTools {
  readonly timers: Pick<TimerWheel, 'after'>;
  readonly clock: Pick<Clock, 'now'>;
}

/**
 * Ends a stream of requests when the token of its caller expires, at `expiresMs`, in milliseconds since the epoch. The request
 * that is being handled then is the last one, and what came before is answered as if the caller had sent no more. Calls
 * `onExpired` then.
 */
export function requestsUntilExpiry<Request>(
  requests: AsyncIterable<Request>,
  expiresMs: number,
  { timers, clock }: ExpiryTools,
  onExpired: () => void = () => undefined,
): AsyncIterable<Request> {
  return {
    [Symbol.asyncIterator]() {
      const iterator = requests[Symbol.asyncIterator]();
      const done = { done: true, value: undefined } as const;
      let isExpired = false;
      let endWait: (() => void) | undefined;
      const onTimeout = () => {
        isExpired = true;
        endWait?.();
      };
      const timer: WheelTimer = timers.after(Math.max(0, expiresMs - clock.now()), { onTimeout });
      const nextBefore = () =>
        new Promise<IteratorResult<Request>>((resolve, reject) => {
          endWait = () => resolve(done);
          iterator.next().then(resolve, reject);
        });
      const end = async () => {
        timer.cancel();
        return (await iterator.return?.()) ?? done;
      };
      return {
        async next() {
          try {
            const result = isExpired ? done : await nextBefore();
            if (!result.done) return result;
          } catch (error) {
            timer.cancel();
            throw error;
          }
          timer.cancel();
          if (isExpired) {
            // Not awaited: it may end only after the next request has arrived.
            end().catch(() => undefined);
            onExpired();
          }
          return done;
        },
        return: end,
      };
    },
  };
}
