import type { AnsweredCall } from './first-answers.ts';
import type { MeshContent, PartitionDigest } from './read-mesh.ts';

/** The expected end of an order once the mesh runs again. */
export type OrderEnd = 'COMPLETED' | 'FAILED' | 'CANCELLED' | 'NEEDS_ATTENTION';

/** What a kept data folder must contain, recorded when it was written. */
export interface Expectation {
  /** When it was recorded, before the process was killed, in milliseconds since the epoch. */
  readonly frozenAtMs: number;
  /** The expected end of each accepted order by id, and what is special about it. */
  readonly ends: Readonly<Record<string, { readonly end: OrderEnd; readonly about: string }>>;
  /** Orders that wait for an operator, and their ends after a redrive. */
  readonly redrivenEnds: Readonly<Record<string, OrderEnd>>;
  readonly calls: readonly AnsweredCall[];
  readonly content: MeshContent;
  /** The events of each topic, by partition. */
  readonly topics: Readonly<Record<string, Readonly<Record<string, PartitionDigest>>>>;
  /** Number of outbox entries by service: waiting, and refused by log or queue. */
  readonly outboxes: Readonly<Record<string, { readonly waiting: number; readonly refused: number }>>;
}
