import {
  type DeadLetterFilter as DeadLetterFilterMessage,
  type DeadLetter as DeadLetterMessage,
  DeadLetterSource as SourceMessage,
} from '#gen/ops/v1/ops.ts';
import type { DeadLetter, DeadLetterFilter, DeadLetterSource } from '#mesh';

const sources = {
  event: SourceMessage.DEAD_LETTER_SOURCE_EVENT,
  task: SourceMessage.DEAD_LETTER_SOURCE_TASK,
  saga: SourceMessage.DEAD_LETTER_SOURCE_SAGA,
} as const satisfies Record<DeadLetterSource, SourceMessage>;

export function deadLetterToProto(deadLetter: DeadLetter): DeadLetterMessage {
  const { id, source, origin, reason, error, attempts, payload, headers, subjectId } = deadLetter;
  return {
    id,
    source: sources[source],
    origin,
    reason,
    error,
    attempts,
    payload,
    headers: { ...headers },
    subjectId,
    firstTime: new Date(deadLetter.firstTimeMs),
    lastTime: new Date(deadLetter.lastTimeMs),
  };
}

/** Returns the filter with the fields that are set. */
export function filterFromProto({ source, origin, reason }: DeadLetterFilterMessage): DeadLetterFilter {
  const known = (Object.keys(sources) as DeadLetterSource[]).find((name) => sources[name] === source);
  return { ...(known && { source: known }), ...(origin && { origin }), ...(reason && { reason }) };
}
