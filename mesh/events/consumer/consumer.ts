import type { Transaction } from '../../storage/storage.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';

/**
 * Writes the effect of an event. Awaits only statements of the transaction, which may have effects of other events, too. It may run
 * again, after what it wrote was rolled back.
 */
export type EventEffect = (tx: Transaction) => Promise<void>;

/**
 * Why an event that a handler looks for has no effect. Such events are counted and remain in the log, and a replay of the
 * group reads them again.
 * - `unknown-type`: this version of the service does not know its type. A newer one may.
 * - `incomplete`: another producer than the owner of the topic left out what the effect needs.
 */
export type SkipReason = 'unknown-type' | 'incomplete';

/** An event that has no effect, and why. */
export interface SkippedEvent {
  readonly skipped: SkipReason;
  readonly problem: string;
}

/** What a handler decides about an event. `undefined`: it is not for this handler. */
export type HandlerResult = EventEffect | SkippedEvent | undefined;

/** Skips an event without a dead letter, for `EventHandler.handle`. `problem` is for the log. */
export function skipEvent(skipped: SkipReason, problem: string): SkippedEvent {
  return { skipped, problem };
}

/** Handles the events of topics. `consume` returns one for typed events. */
export interface EventHandler {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Works in two phases. First it reads the event and calls other services. Then it resolves with the effect to write, with
   * `undefined` for an event that is not for it, or with `skipEvent` for an event that it cannot use. The effect is written in
   * one transaction with the event's inbox row, so a second delivery has no effect.
   *
   * What happens after an error depends on whose fault it is:
   * - INVALID_ARGUMENT or a SyntaxError is the event's own fault. It becomes a dead letter immediately.
   * - UNAVAILABLE, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED mean that a dependency is down. The event waits and is retried.
   * - UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED and `UNDECODABLE_MESSAGE` mean that services are wired wrongly. The
   *   event waits and is retried, and an `error` is logged.
   * - After any other error it is retried a few times before it becomes a dead letter.
   */
  readonly handle: (event: StoredEvent, attributes: EventAttributes) => Promise<HandlerResult>;
  /**
   * How many events of a partition may be handled at a time. With more than one, an event is read before the effects of those
   * before it are written, and takes effect before them if they fail and are retried. Effects that are ready at a time share a
   * transaction. So it allows more; do not rely on it. Default: 1.
   */
  readonly concurrency?: number;
  /**
   * Whether effects of events with different keys never change the same row, except by a single statement. Then PostgreSQL gets
   * the statements of all effects of a transaction together; otherwise one effect after another waits for its answers. They are in
   * the same transaction, so no lock keeps them apart. Default: false.
   */
  readonly independentEffects?: boolean;
}
