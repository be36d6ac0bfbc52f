import type { AnsweredCall } from './first-answers.ts';
import type { MeshContent, PartitionDigest } from './read-mesh.ts';

/** How an order is to end once the mesh runs again. */
export type OrderEnd = 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'NEEDS_ATTENTION';

/** What is known of a kept data folder from the time when it was written. */
export interface Expectation {
  /** The clock when it was read, before the process was killed; in milliseconds since the epoch. */
  readonly frozenAtMs: number;
  /** How each accepted order is to end, with what is special about it, by its id. */
  readonly ends: Readonly<Record<string, { readonly end: OrderEnd; readonly about: string }>>;
  /** Those that wait for an operator, and how they end once they are redriven. */
  readonly redrivenEnds: Readonly<Record<string, OrderEnd>>;
  readonly calls: readonly AnsweredCall[];
  readonly content: MeshContent;
  /** The events of each topic, by partition. */
  readonly topics: Readonly<Record<string, Readonly<Record<string, PartitionDigest>>>>;
  /** Outbox entries, by service: those that wait, and those that log or queue refused. */
  readonly outboxes: Readonly<Record<string, { readonly waiting: number; readonly refused: number }>>;
}
