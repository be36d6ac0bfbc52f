import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import type { NewEvent } from '../event-log.ts';
import { meansOf } from './protocol-errors.ts';

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
