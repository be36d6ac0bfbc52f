import type { Message } from 'kafkajs';
import type { NewEvent, StoredEvent } from '../../log/event-log.ts';
import type { KafkaRecord } from './record-batch.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });
// Maximum size of a record's own numbers and its share of the batch header.
const overheadBytes = 100;

/** Returns the library's message for an event. */
export function toMessage({ key, headers, value, timeMs }: NewEvent, partition: number): Message {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return { key, value: bytes, headers: { ...headers }, partition, timestamp: `${timeMs}` };
}

/** Returns an upper bound of an event's bytes in a batch. */
export function sizeOf({ key, headers, value }: NewEvent): number {
  let bytes = overheadBytes + Buffer.byteLength(key) + value.byteLength;
  for (const name in headers) bytes += 10 + Buffer.byteLength(name) + Buffer.byteLength(headers[name] ?? '');
  return bytes;
}

/** Returns the event of any record: headers that are not text are left out, a missing key or value is empty. */
export function toStoredEvent(topic: string, partition: number, record: KafkaRecord): StoredEvent {
  return {
    topic,
    partition,
    offset: record.offset,
    key: record.key?.toString() ?? '',
    headers: toHeaders(record.headers),
    value: record.value ?? new Uint8Array(),
    timeMs: record.timeMs,
  };
}

/** If a name occurs more than once, the last value counts. */
function toHeaders(headers: KafkaRecord['headers']): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, value] of new Map(headers)) {
    const text = value && textOf(value);
    if (text !== undefined) texts[name] = text;
  }
  return texts;
}

function textOf(value: Buffer): string | undefined {
  try {
    return utf8.decode(value);
  } catch {
    return undefined;
  }
}
