import type { Transaction } from '../../storage/storage.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';

/** Writes the effect of an event. Awaits only statements of the transaction. */
export type EventEffect = (tx: Transaction) => Promise<void>;

/** Handles the events of topics. `consume` returns one for typed events. */
export interface EventHandler {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Works in two phases. First it reads the event and calls other services. Then it resolves with the effect to write, or with
   * `undefined` for an event that it ignores. The effect is written in one transaction with the event's inbox row, so a second
   * delivery has no effect.
   *
   * What happens after an error depends on whose fault it is:
   * - INVALID_ARGUMENT or a SyntaxError is the event's own fault. It becomes a dead letter immediately.
   * - UNAVAILABLE, DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED mean that a dependency is down. The event waits and is retried.
   * - UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED and `UNDECODABLE_MESSAGE` mean that services are wired wrongly. The
   *   event waits and is retried, and an `error` is logged.
   * - After any other error it is retried a few times before it becomes a dead letter.
   */
  readonly handle: (event: StoredEvent, attributes: EventAttributes) => Promise<EventEffect | undefined>;
}
