import type { EventEmitter } from 'node:events';
import { Status } from 'nice-grpc-common';
import CircuitBreaker from 'opossum';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { circuitOpen } from '../errors.ts';

/** What is being protected, and how. */
export interface BreakerOptions {
  /** `user.v1.UserService queries`. */
  readonly target: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Emits `rotate` once a second: the pace at which the 10 s window of counted calls moves on. */
  readonly rotation: EventEmitter;
}

/**
 * Stops calls to a target that fails: it opens when more than half of at least 20 calls in 10 s failed for the target's
 * health (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED), fails calls at once for 5 s (UNAVAILABLE
 * `CIRCUIT_OPEN`), then lets one through, and closes when that succeeds.
 */
export interface Breaker {
  /** Runs a call that has a deadline; while the breaker tries, this call may be the one that decides. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Runs what may take for ever, such as the wait for the first message of a stream: it counts once it has ended. */
  watch<T>(call: () => Promise<T>): Promise<T>;
}

const openMs = 5_000;
const windowMs = 10_000;
const counted: ReadonlySet<Status> = new Set([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED]);

/** A closed breaker. */
export function createBreaker({ target, clock, logger, rotation }: BreakerOptions): Breaker {
  let openedMs = 0;
  const circuit: CircuitBreaker = new CircuitBreaker((call: () => Promise<unknown>) => call(), {
    timeout: false,
    resetTimeout: openMs,
    volumeThreshold: 20,
    errorThresholdPercentage: 50,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: windowMs / 1_000,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotation,
    errorFilter: (error) => !tellsOfTrouble(error, circuit.halfOpen),
  });
  circuit.on('open', () => {
    openedMs = clock.elapsedMs();
    logger.warn({ target, open_ms: openMs }, 'circuit opened: calls fail at once until one gets through');
  });
  circuit.on('close', () => logger.info({ target }, 'circuit closed'));

  const openError = () => {
    const retryAfterMs = Math.max(0, Math.ceil(openedMs + openMs - clock.elapsedMs()));
    return circuitOpen({ target, retryTime: new Date(clock.now() + retryAfterMs) }, { retryAfterMs });
  };

  // The caller has the outcome already; here it is only counted.
  const count = (outcome: () => Promise<void>) => circuit.fire(outcome).catch(() => undefined);

  return {
    async run<T>(call: () => Promise<T>): Promise<T> {
      try {
        return (await circuit.fire(call)) as T;
      } catch (error) {
        throw error instanceof Error && CircuitBreaker.isOurError(error) ? openError() : error;
      }
    },
    async watch(call) {
      if (circuit.opened) throw openError();
      try {
        const result = await call();
        await count(() => Promise.resolve());
        return result;
      } catch (error) {
        await count(() => Promise.reject(error));
        throw error;
      }
    },
  };
}

// A call that was cancelled says nothing of the target, which is not enough to close on.
function tellsOfTrouble(error: unknown, halfOpen: boolean): boolean {
  if (!(error instanceof MeshError)) return false;
  return counted.has(error.code) || (halfOpen && error.code === Status.CANCELLED);
}
