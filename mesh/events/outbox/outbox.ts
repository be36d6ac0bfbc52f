import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import type { Transaction } from '../../storage/storage.ts';
import type { NewTask } from '../../tasks/task-queue.ts';
import type { DomainEvent } from '../log/envelope.ts';

/**
 * Makes events and tasks durable in the transaction that causes them, and hands them on afterwards: at least once, events
 * of a key in order. Its relay wakes on commit; while log or queue cannot be reached it keeps what it has and tries again.
 */
export interface Outbox {
  addEvent(tx: Transaction, event: DomainEvent): Promise<void>;
  addTask(tx: Transaction, queue: string, task: NewTask): Promise<void>;
  /** Begins to hand on, what an earlier process left first; resolves after the first try. */
  start(): Promise<void>;
  /** Hands on what it can within `graceMs` and stops; the rest stays for the next start. */
  stop(graceMs: number): Promise<void>;
  /** Entries that log or queue refused for what they are. A redriven one is handed on again. */
  readonly deadLetters: DeadLetterQueue;
  /** How many entries wait to be handed on, and since when the oldest does. */
  backlog(): Promise<{ readonly entries: number; readonly oldestTimeMs: number | undefined }>;
}
