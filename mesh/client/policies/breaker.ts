import type { EventEmitter } from 'node:events';
import { Status } from 'nice-grpc-common';
import CircuitBreaker from 'opossum';
import { isRateLimited } from '../../balancing/balancer.ts';
import { isOutage } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { isTooLarge } from '../call-error.ts';
import { circuitOpen } from '../errors.ts';

/**
 * When a breaker opens and for how long. It counts the calls of the last 10 s that failed because the service is unhealthy
 * (UNAVAILABLE, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED). What a caller can cause alone does not count: a call that had less than
 * half of its method's own timeout, one that is too large, and one of a caller that makes too many or whose
 * address sends too many new tokens. While it is
 * open, calls fail immediately with UNAVAILABLE `CIRCUIT_OPEN`; then one call is let through, and the breaker
 * closes if that succeeds.
 */
export interface BreakerSettings {
  /** The share of failed calls above which it opens, from 0 to 1. Default: 0.5. */
  readonly failureRatio?: number;
  /** The number of calls in 10 s below which it stays closed. Default: 20. */
  readonly minimumCalls?: number;
  /** How long it stays open before it lets one call through, in milliseconds. Default: 5 s. */
  readonly resetTimeoutMs?: number;
}

export interface BreakerOptions {
  /** What it protects: `user.v1.UserService queries`. */
  readonly target: string;
  readonly settings?: BreakerSettings | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Emits `rotate` once a second, which moves the 10 s window of counted calls. */
  readonly rotation: EventEmitter;
}

/** Stops calls to a target that fails, as {@link BreakerSettings} says. */
export interface Breaker {
  /**
   * Runs a call that has a deadline; if the breaker is half-open, this call may decide whether it closes. `isHurried`: its caller
   * gave it so little time that being late shows nothing about the target.
   */
  run<T>(call: () => Promise<T>, isHurried?: boolean): Promise<T>;
  /** Runs a call that may never end, such as the wait for the first message of a stream: it counts once it has ended. */
  watch<T>(call: () => Promise<T>, isHurried?: boolean): Promise<T>;
}

const windowMs = 10_000;

/** Creates a closed breaker. */
export function createBreaker({ target, settings = {}, clock, logger, rotation }: BreakerOptions): Breaker {
  const { failureRatio = 0.5, minimumCalls = 20, resetTimeoutMs = 5_000 } = settings;
  let openedMs = 0;
  let lastFailure = '';
  const circuit: CircuitBreaker = new CircuitBreaker((call: () => Promise<unknown>, _isHurried: boolean) => call(), {
    timeout: false,
    resetTimeout: resetTimeoutMs,
    volumeThreshold: minimumCalls,
    errorThresholdPercentage: failureRatio * 100,
    rollingCountTimeout: windowMs,
    rollingCountBuckets: windowMs / 1_000,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: rotation,
    // It gets the arguments of the call too, which its type does not say.
    errorFilter: ((error: unknown, _call: unknown, isHurried: boolean) => {
      if (!isFailure(error, isHurried, circuit.halfOpen)) return true;
      if (error.code !== Status.CANCELLED) lastFailure = error.reason;
      return false;
    }) as (error: unknown) => boolean,
  });
  circuit.on('open', () => {
    openedMs = clock.elapsedMs();
    logger.warn({ reason: lastFailure, target, open_ms: resetTimeoutMs }, 'circuit opened');
  });
  circuit.on('close', () => logger.info({ target }, 'circuit closed'));

  const openError = () => {
    const retryAfterMs = Math.max(0, Math.ceil(openedMs + resetTimeoutMs - clock.elapsedMs()));
    return circuitOpen(
      { target, reason: lastFailure, retryTime: new Date(clock.now() + retryAfterMs) },
      { retryAfterMs },
    );
  };

  // The caller already has the outcome; here it is only counted.
  const count = (outcome: () => Promise<void>, isHurried: boolean) =>
    circuit.fire(outcome, isHurried).catch(() => undefined);

  return {
    async run<T>(call: () => Promise<T>, isHurried = false): Promise<T> {
      try {
        return (await circuit.fire(call, isHurried)) as T;
      } catch (error) {
        throw error instanceof Error && CircuitBreaker.isOurError(error) ? openError() : error;
      }
    },
    async watch(call, isHurried = false) {
      if (circuit.opened) throw openError();
      try {
        const result = await call();
        await count(() => Promise.resolve(), isHurried);
        return result;
      } catch (error) {
        await count(() => Promise.reject(error), isHurried);
        throw error;
      }
    },
  };
}

function isFailure(error: unknown, isHurried: boolean, halfOpen: boolean): error is MeshError {
  if (!(error instanceof MeshError)) return false;
  const showsNothing = error.code === Status.CANCELLED || (isHurried && error.code === Status.DEADLINE_EXCEEDED);
  // Such a call must not close the breaker either.
  return showsNothing ? halfOpen : isOutage(error) && !isTooLarge(error) && !isRateLimited(error);
}
