import type { Transaction } from '../storage/storage.ts';
import type { EventAttributes } from './envelope.ts';
import type { StoredEvent } from './event-log.ts';

/** What a service does with the events of others. */
export interface EventHandler {
  readonly group: string;
  readonly topics: readonly string[];
  /**
   * Writes the effect of an event. The inbox row is in the same transaction, so a second delivery has no effect. It
   * awaits nothing but the transaction. Types it does not know it leaves alone. A MeshError with INVALID_ARGUMENT, or a
   * decoding error, is final: the event becomes a dead letter at once; other errors are tried again first.
   */
  readonly handle: (tx: Transaction, event: StoredEvent, attributes: EventAttributes) => Promise<void>;
}
