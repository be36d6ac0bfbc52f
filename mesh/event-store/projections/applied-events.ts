import type { Queryable } from '../../storage/storage.ts';
import type { RecordedEvent } from '../event-store.ts';
import { selectAll } from '../streams/event-table.ts';
import { selectLive } from './generation-table.ts';
import { unappliedPositions } from './parked/parked-table.ts';

const pageSize = 500;

/**
 * Yields the events after one position of a projection, up to another, that its live generation includes: those that it has
 * parked or skips are left out.
 */
export async function* appliedEvents(
  db: Queryable,
  name: string,
  after: bigint,
  upTo: bigint,
): AsyncGenerator<RecordedEvent> {
  for (let position = after; position < upTo; ) {
    const events = await selectAll(db, position, upTo, pageSize);
    const last = events.at(-1)?.position;
    if (last === undefined) return;
    const { generation } = await selectLive(db, name);
    const unapplied = await unappliedPositions(db, name, generation, position, last);
    yield* events.filter((event) => !unapplied.has(event.position));
    position = last;
  }
}
