import { Status } from 'nice-grpc-common';
import { MeshError } from '../../../errors/mesh-error.ts';
import type { NewEvent } from '../../log/event-log.ts';
import { meansOf, protocolErrorOf } from './protocol-errors.ts';

/** What a call to a closed log is answered. */
export function logClosed(): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', 'the event log is closed: open it again to use it');
}

/**
 * What is reported to a caller for `error`: what Kafka's answer means. INVALID_ARGUMENT `EVENT_REFUSED` when the event is at
 * fault; else UNAVAILABLE, as `EVENTS_MISCONFIGURED` or `EVENTS_UNAVAILABLE`. A MeshError is left as it is.
 */
export function toLogFailure(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const text = error instanceof Error ? error.message : String(error);
  const options = { cause: error };
  switch (meansOf(error)) {
    case 'record': {
      const refused = `Kafka refuses the event for what it is, change it: ${text}`;
      return new MeshError(Status.INVALID_ARGUMENT, 'EVENT_REFUSED', refused, options);
    }
    case 'miswired': {
      const denied = `Kafka refuses this client, correct its rights or the settings of the brokers: ${text}`;
      return new MeshError(Status.UNAVAILABLE, 'EVENTS_MISCONFIGURED', denied, options);
    }
    default: {
      const away = `Kafka cannot be used now, see whether the brokers of EVENTS_URL run and try again: ${text}`;
      return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', away, options);
    }
  }
}

export function unknownTopic(topic: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'UNKNOWN_TOPIC',
    `there is no topic ${topic}: create it with ensureTopic before it is used`,
    { metadata: { topic } },
  );
}

export function eventTooLarge({ topic, key }: NewEvent, bytes: number, maxBytes: number): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'EVENT_TOO_LARGE',
    `the event ${key} for ${topic} takes ${bytes} bytes, its brokers allow ${maxBytes} (max.message.bytes): send a reference instead`,
    { metadata: { topic, key } },
  );
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** What is reported for a partition that stands still at `place`, because of what lies there or who asks. */
export function partitionUnreadable(place: Place, cause: Error): MeshError {
  if (meansOf(cause) === 'miswired') return partitionAway(place, cause);
  const text =
    `what lies at ${nameOf(place)} cannot be read: ${cause.message}. The partition waits: ` +
    'restore it, or stop the group and commit a later offset for it';
  return new MeshError(Status.DATA_LOSS, 'PARTITION_UNREADABLE', text, { metadata: metadataOf(place), cause });
}

/** What is reported for a partition that its brokers do not give. Nothing of it is known to be lost. */
export function partitionAway(place: Place, cause: Error): MeshError {
  // Brokers compare what they read with its checksum too.
  if (protocolErrorOf(cause) === 'CORRUPT_MESSAGE') return partitionUnreadable(place, cause);
  const { code, reason, message } = toLogFailure(cause);
  const text = `${nameOf(place)} waits, the other partitions go on: ${message}`;
  return new MeshError(code, reason, text, { metadata: metadataOf(place), cause });
}

function nameOf({ topic, partition, next }: Place): string {
  return `${topic}/${partition}/${next}`;
}

function metadataOf({ topic, partition, next }: Place): Record<string, string> {
  return { topic, partition: `${partition}`, offset: `${next}` };
}
