import type { DeadLetter } from '../../dead-letters/dead-letters.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { outboxOrigin } from '../consumer/dead-letters.ts';
import type { OutboxEntry, OutboxKind } from './outbox-table.ts';

const keyHeader = 'dead-letter-key';
const timeHeader = 'dead-letter-event-time';

/** Returns the dead letter of a refused entry, with its complete content. Its origin is `order.events/outbox`. */
export function entryToDeadLetter(
  kind: OutboxKind,
  entry: OutboxEntry,
  { reason, message }: MeshError,
  nowMs: number,
): Omit<DeadLetter, 'id'> {
  return {
    source: kind,
    origin: `${entry.destination}/${outboxOrigin}`,
    reason,
    error: message,
    attempts: 1,
    payload: entry.value,
    headers: { ...entry.headers, [keyHeader]: entry.key, [timeHeader]: `${entry.timeMs}` },
    subjectId: entry.key,
    firstTimeMs: nowMs,
    lastTimeMs: nowMs,
  };
}

/** Returns the entry of a dead letter, to deliver it again. */
export function entryOfDeadLetter({ origin, headers, payload }: DeadLetter): Omit<OutboxEntry, 'id'> {
  const { [keyHeader]: key = '', [timeHeader]: time = '0', ...others } = headers;
  const destination = origin.slice(0, origin.lastIndexOf('/'));
  return { destination, key, headers: others, value: payload, timeMs: Number(time) };
}
