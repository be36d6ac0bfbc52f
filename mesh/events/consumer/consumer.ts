import type { Transaction } from '../../storage/storage.ts';
import type { EventAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';

/** Writes the effect of an event. It awaits nothing but the transaction. */
export type EventEffect = (tx: Transaction) => Promise<void>;

/** What a service does with the events of others. */
export interface EventHandler {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Reads an event, asks others what it has to know, and resolves with the effect to write: in one transaction with the
   * inbox row, so a second delivery has none. `undefined`: the event is none of its business. A MeshError with
   * INVALID_ARGUMENT, or a SyntaxError, is final: the event becomes a dead letter immediately. UNAVAILABLE,
   * DEADLINE_EXCEEDED and RESOURCE_EXHAUSTED are not the event's fault: it is handed over again until others can answer. Nor
   * are UNIMPLEMENTED, UNAUTHENTICATED, PERMISSION_DENIED and `UNDECODABLE_MESSAGE`, by which a mesh shows that it is wired
   * wrongly: the same, with an `error` in the log. All else is tried again a few times first.
   */
  readonly handle: (event: StoredEvent, attributes: EventAttributes) => Promise<EventEffect | undefined>;
}
