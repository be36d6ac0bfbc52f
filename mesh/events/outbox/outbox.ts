import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { QueuedTask } from '../../tasks/queue.ts';
import type { DomainEvent } from '../log/envelope.ts';
import type { OutboxBacklog } from './outbox-table.ts';

/**
 * Stores events and tasks in the transaction that causes them and delivers them after its commit: at least once, the events
 * of a key in order. While log or queue is unavailable, entries wait and delivery is retried.
 */
export interface Outbox {
  /** Adds an event, made by its `Topic`. Throws for a topic that the outbox was not created with. */
  addEvent(tx: Transaction, event: DomainEvent): Promise<void>;
  /** Adds a task, made by its `Queue`. */
  addTask(tx: Transaction, task: QueuedTask): Promise<void>;
  /** Starts delivery, with what an earlier process left first. Resolves after the first attempt. */
  start(): Promise<void>;
  /** Delivers what it can within `graceMs` and stops. The rest waits for the next start. */
  stop(graceMs: number): Promise<void>;
  /** Entries that log or queue refused because of their content. A redriven one is delivered as a new entry. */
  readonly deadLetters: DeadLetterQueue;
  /** Returns what waits for the log and what waits for the task queue, in this order. */
  backlog(): Promise<readonly OutboxBacklog[]>;
}
