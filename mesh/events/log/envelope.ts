import { createHash } from 'node:crypto';
import type { NewEvent, StoredEvent } from './event-log.ts';

/** The default number of partitions of a topic. */
export const defaultPartitions = 12;
/** How long events are kept by default. */
export const defaultRetentionMs = 7 * 24 * 60 * 60 * 1000;

/** An event as a service makes it. */
export interface DomainEvent {
  readonly topic: string;
  /** The id of the aggregate that changed: events of one aggregate stay in order. */
  readonly key: string;
  /** `ORDER_PLACED`. */
  readonly type: string;
  /** The aggregate's version that this event made. */
  readonly version: bigint;
  readonly timeMs: number;
  /** The event's proto message as proto3 JSON. */
  readonly json: unknown;
}

/** What the headers of an event say, in the CloudEvents 1.0 binary mode of Kafka. */
export interface EventAttributes {
  /** The same at every delivery; with the source, what an inbox remembers. */
  readonly id: string;
  readonly type: string;
  /** `//ordermesh/order`. */
  readonly source: string;
  readonly subject: string;
  /** Zero-padded to 20 digits in the header; `undefined` when a foreign producer left it out. */
  readonly version: bigint | undefined;
  readonly traceparent: string | undefined;
  readonly correlationId: string | undefined;
}

/** What belongs to an event beside what the service says. */
export interface EnvelopeContext {
  readonly id: string;
  readonly source: string;
  readonly traceparent?: string | undefined;
  readonly correlationId?: string | undefined;
}

/** Makes the event as it goes to the log: JSON value, CloudEvents headers, trace and correlation. */
export function wrapEvent(event: DomainEvent, context: EnvelopeContext): NewEvent {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    ce_specversion: '1.0',
    ce_id: context.id,
    ce_source: context.source,
    ce_type: event.type,
    ce_time: new Date(event.timeMs).toISOString(),
    ce_subject: event.key,
    ce_sequence: event.version.toString().padStart(20, '0'),
  };
  if (context.traceparent) headers.traceparent = context.traceparent;
  if (context.correlationId) headers.ce_correlationid = context.correlationId;
  return {
    topic: event.topic,
    key: event.key,
    headers,
    value: Buffer.from(JSON.stringify(event.json)),
    timeMs: event.timeMs,
  };
}

/**
 * Reads an event's headers. A producer that knows nothing of CloudEvents (as in a plain kafkajs program) gets the type
 * of its JSON's `type` member, and an id made from the event's place in the log, its time and its content: should the topic
 * be deleted and created again, others will lie in the same place. A header that is empty counts as missing.
 */
export function readAttributes(event: StoredEvent): EventAttributes {
  const { headers } = event;
  const sequence = headers.ce_sequence;
  return {
    id: headers.ce_id?.trim() ? headers.ce_id : placeId(event),
    type: headers.ce_type || typeInJson(event.value),
    source: headers.ce_source ?? '',
    subject: headers.ce_subject || event.key,
    version: sequence !== undefined && /^\d{1,20}$/.test(sequence) ? BigInt(sequence) : undefined,
    traceparent: headers.traceparent,
    correlationId: headers.ce_correlationid,
  };
}

function placeId(event: StoredEvent): string {
  const content = createHash('sha256').update(event.key).update('\n').update(event.value).digest('hex').slice(0, 16);
  return `${event.topic}/${event.partition}/${event.offset}/${event.timeMs}/${content}`;
}

function typeInJson(value: Uint8Array): string {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value).toString());
    if (typeof parsed === 'object' && parsed !== null && 'type' in parsed && typeof parsed.type === 'string') {
      return parsed.type;
    }
    return '';
  } catch (error) {
    if (error instanceof SyntaxError) return '';
    throw error;
  }
}
