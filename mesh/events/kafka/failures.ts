import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { NewEvent } from '../event-log.ts';

/** What a call to a closed log is answered. */
export function logClosed(): MeshError {
  return new MeshError(Status.UNAVAILABLE, 'EVENTS_UNAVAILABLE', 'the event log is closed: open it again to use it');
}

/** What a caller is told of `error`: UNAVAILABLE `EVENTS_UNAVAILABLE`, unless it is a MeshError already. */
export function toLogFailure(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new MeshError(
    Status.UNAVAILABLE,
    'EVENTS_UNAVAILABLE',
    `Kafka cannot be used now, see whether the brokers of EVENTS_URL run and try again: ${text}`,
    { cause: error },
  );
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
