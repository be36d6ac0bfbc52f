import { createHash } from 'node:crypto';
import { isActor } from '../../identity/caller-text.ts';
import type { NewEvent, StoredEvent } from './event-log.ts';
import { toBinaryMode } from './structured-mode.ts';

/** The default number of partitions of a topic. */
export const defaultPartitions = 12;
/** How long events are kept by default. */
export const defaultRetentionMs = 7 * 24 * 60 * 60 * 1000;

/** An event as a service publishes it, made by a `Topic`. */
export interface DomainEvent {
  readonly topic: string;
  /** Id of the aggregate that changed. Events of one aggregate stay in order. */
  readonly key: string;
  /** `ORDER_PLACED`. */
  readonly type: string;
  /** Version of the aggregate after the event. */
  readonly version: bigint;
  readonly timeMs: number;
  /** The event's proto message as proto3 JSON. */
  readonly json: unknown;
}

/** The headers of an event, in the CloudEvents 1.0 binary mode of Kafka. */
export interface EventAttributes {
  /** The same at every delivery. Source and id identify the event in an inbox. */
  readonly id: string;
  readonly type: string;
  /** `//ordermesh/order`. */
  readonly source: string;
  readonly subject: string;
  /** Zero-padded to 20 digits in the header. `undefined` if a foreign producer did not set it. */
  readonly version: bigint | undefined;
  readonly traceparent: string | undefined;
  readonly correlationId: string | undefined;
  /**
   * Who has caused it: `user:<subject>`, `service:<name>`, or `service:<name>;user:<subject>` for a service on
   * behalf of a user, with the subject percent-encoded. For records: a handler may do no more because of it.
   * `undefined` if nobody is known.
   */
  readonly actor: string | undefined;
}

/** The attributes of an event that its service does not set. */
export interface EnvelopeContext {
  readonly id: string;
  readonly source: string;
  readonly traceparent?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly actor?: string | undefined;
}

/** Returns the event for the log: JSON value, CloudEvents headers, trace and correlation. */
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
  if (context.actor) headers.ce_actor = context.actor;
  return {
    topic: event.topic,
    key: event.key,
    headers,
    value: Buffer.from(JSON.stringify(event.json)),
    timeMs: event.timeMs,
  };
}

/**
 * Reads the attributes of an event, in either mode of CloudEvents. An event without CloudEvents headers (from a plain kafkajs
 * program) gets the `type` of its JSON, and an id from its position in the log, its time and its content: if the topic is
 * deleted and created again, another event takes the same position. An empty header is treated as missing.
 */
export function readAttributes(stored: StoredEvent): EventAttributes {
  const event = toBinaryMode(stored);
  const { headers } = event;
  const sequence = headers.ce_sequence;
  return {
    id: headers.ce_id?.trim() ? headers.ce_id : placeId(stored),
    type: headers.ce_type || typeInJson(event.value),
    source: headers.ce_source ?? '',
    subject: headers.ce_subject || event.key,
    version: sequence !== undefined && /^\d{1,20}$/.test(sequence) ? BigInt(sequence) : undefined,
    traceparent: headers.traceparent,
    correlationId: headers.ce_correlationid,
    actor: headers.ce_actor !== undefined && isActor(headers.ce_actor) ? headers.ce_actor : undefined,
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
