import { isRefusal } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { OutboxEntry } from './outbox-table.ts';

export interface SendOptions {
  /** Resolves when log or queue has stored all entries durably. */
  readonly send: (entries: readonly OutboxEntry[]) => Promise<void>;
  /** Whether a refused entry may be accepted after the relay has prepared itself again. */
  readonly isRetryable: (entry: OutboxEntry, error: MeshError) => boolean;
}

export interface Refusal {
  readonly entry: OutboxEntry;
  readonly error: MeshError;
}

/** What became of a batch. */
export interface Sent {
  /** Ids of the entries that were accepted. */
  readonly done: readonly bigint[];
  readonly refusals: readonly Refusal[];
  /** Why the remaining entries were not sent. */
  readonly failure?: unknown;
}

/**
 * Sends a batch. If it is refused, sends one entry at a time to find the refused ones. Accepted ones are sent again then, which
 * is allowed. Rejects, or returns a failure, if log or queue is unavailable.
 */
export async function sendBatch(entries: readonly OutboxEntry[], options: SendOptions): Promise<Sent> {
  // Its refusal needs no search.
  if (entries.length === 1) return await sendEach(entries, options);
  try {
    await options.send(entries);
    return { done: entries.map(({ id }) => id), refusals: [] };
  } catch (error) {
    if (!(error instanceof MeshError && isRefusal(error))) throw error;
    return await sendEach(entries, options);
  }
}

async function sendEach(entries: readonly OutboxEntry[], { send, isRetryable }: SendOptions): Promise<Sent> {
  const done: bigint[] = [];
  const refusals: Refusal[] = [];
  for (const entry of entries) {
    try {
      await send([entry]);
      done.push(entry.id);
    } catch (error) {
      if (!(error instanceof MeshError && isRefusal(error)) || isRetryable(entry, error)) {
        return { done, refusals, failure: error };
      }
      refusals.push({ entry, error });
    }
  }
  return { done, refusals };
}
