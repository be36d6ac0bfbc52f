import type { DeadLetterClosing } from '../../../dead-letters/dead-letters.ts';
import { storableText } from '../../../storage/sql.ts';
import type { Queryable, Transaction } from '../../../storage/storage.ts';
import { type ContentRow, contentOf, type ParkedEvent } from './parked-table.ts';

interface DiscardedRow extends ContentRow {
  readonly note: string;
  readonly time_ms: bigint;
  readonly request_id: string;
}

/** Makes a projection skip a parked event in every generation. */
export async function insertDiscarded(
  tx: Transaction,
  { name, position, id, stream, reason, error, attempts, firstTimeMs, lastTimeMs }: ParkedEvent,
  { note, timeMs, requestId }: DeadLetterClosing,
): Promise<void> {
  const parked = [id, stream, reason, error, attempts, firstTimeMs, lastTimeMs];
  await tx.execute(
    `INSERT INTO discarded_event (name, position, note, time_ms, request_id,
       id, stream, reason, error, attempts, first_time_ms, last_time_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
    [name, position, storableText(note), timeMs, storableText(requestId), ...parked],
  );
}

/** Returns an event that an operator discarded, by the id that it had while it was parked. */
export async function selectDiscarded(
  db: Queryable,
  projection: string,
  id: string,
): Promise<(Omit<ParkedEvent, 'generation'> & { readonly closing: DeadLetterClosing }) | undefined> {
  const [row] = await db.query<DiscardedRow>(
    `SELECT id, name, position, stream, reason, error, attempts, first_time_ms, last_time_ms, note, time_ms, request_id
     FROM discarded_event WHERE name = $1 AND id = $2`,
    [projection, id],
  );
  if (!row) return undefined;
  const { note, time_ms, request_id: requestId } = row;
  return { ...contentOf(row), closing: { outcome: 'discarded', note, timeMs: Number(time_ms), requestId } };
}
