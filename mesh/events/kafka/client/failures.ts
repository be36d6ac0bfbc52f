import { messageOf, publicTextOf } from '../../../errors/error-text.ts';
import { MeshError, reworded } from '../../../errors/mesh-error.ts';
import { tlsAdvice } from '../../../errors/tls-advice.ts';
import {
  eventRefused,
  eventsMisconfigured,
  eventsUnavailable,
  kafkaTlsFailed,
  kafkaUnavailable,
  partitionUnreadable,
} from '../../errors.ts';
import { meansOf, protocolErrorOf } from './protocol-errors.ts';

/**
 * Returns the error for a caller: INVALID_ARGUMENT `EVENT_REFUSED` if the event is at fault, otherwise UNAVAILABLE
 * `EVENTS_MISCONFIGURED` or `EVENTS_UNAVAILABLE`. A MeshError is returned unchanged.
 */
export function toLogFailure(error: unknown): MeshError {
  if (error instanceof MeshError) return error;
  const text = messageOf(error);
  // kafkajs asks twice for the partitions of a topic, and fails so if the second answer has none: brokers learn of new
  // topics one by one.
  if (/Cannot destructure property 'partitions'/.test(text))
    return eventsUnavailable({ problem: 'a broker does not know the partitions of a topic yet' }, { cause: error });
  const advice = tlsAdvice(error, 'EVENTS_CA_FILE');
  if (advice) return kafkaTlsFailed({ answer: text, advice }, { cause: error });
  switch (meansOf(error)) {
    case 'record':
      return eventRefused({ answer: text }, { cause: error });
    case 'miswired':
      return eventsMisconfigured({ answer: text }, { cause: error });
    default:
      return kafkaUnavailable({ answer: text }, { cause: error });
  }
}

interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly next: bigint;
}

/** Returns the error for a partition that stops at `place`, because of its data or missing rights. */
export function unreadableAt(place: Place, cause: Error): MeshError {
  if (meansOf(cause) === 'miswired') return partitionAway(place, cause);
  const { topic, partition, next } = place;
  return partitionUnreadable({ topic, partition, offset: next, problem: cause.message }, { cause });
}

/** Returns the error for a partition whose brokers do not answer. Nothing of it is known to be lost. */
export function partitionAway(place: Place, cause: Error): MeshError {
  // Brokers verify checksums too.
  if (protocolErrorOf(cause) === 'CORRUPT_MESSAGE') return unreadableAt(place, cause);
  const failure = toLogFailure(cause);
  const { topic, partition, next } = place;
  const text = `partition ${topic}/${partition} waits at offset ${next}, the others continue: ${failure.message}`;
  const publicText = `partition ${topic}/${partition} waits at offset ${next}, the others continue: ${publicTextOf(failure)}`;
  const metadata = { topic, partition: String(partition), offset: String(next) };
  return reworded(failure, text, { publicText, metadata, cause });
}
