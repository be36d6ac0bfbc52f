import {
  type DeadLetterClosing as ClosingMessage,
  type DeadLetterFilter as DeadLetterFilterMessage,
  type DeadLetter as DeadLetterMessage,
  DeadLetterOutcome as OutcomeMessage,
  DeadLetterSource as SourceMessage,
} from '#gen/ops/v1/ops.ts';
import {
  cutText,
  type DeadLetter,
  type DeadLetterClosing,
  type DeadLetterFilter,
  type DeadLetterQueue,
  type DeadLetterSource,
  handlerFailed,
  type ListedDeadLetter,
  type Logger,
  MeshError,
  take,
} from '#mesh';
import { unknownDeadLetter } from '../errors.ts';
import type { DeadLetterChange, OpsPart } from '../ops-part.ts';

export interface DeadLetterDeps {
  readonly deadLetters: DeadLetterQueue;
  readonly logger: Logger;
}

/** Shows and changes the dead letters of this process. The log keeps what was done for longer than the database. */
export function localDeadLetters({
  deadLetters,
  logger,
}: DeadLetterDeps): Pick<OpsPart, 'listDeadLetters' | 'getDeadLetter' | 'redrive' | 'discard'> {
  const change = async (id: string, run: () => Promise<boolean>, done: (subject: object) => void) => {
    const subject = await subjectOf(deadLetters, id);
    try {
      if (!(await run())) return 'missing';
      done(subject);
      return 'changed';
    } catch (error) {
      return failureOf(id, error, logger);
    }
  };
  return {
    async *listDeadLetters({ filter, afterId, limit }, { signal }) {
      const list = deadLetters.list(filter ? filterFromProto(filter) : {}, afterId);
      for await (const deadLetter of take(list, limit, signal)) yield deadLetterToProto(deadLetter);
    },

    async getDeadLetter({ id, payloadOffset }) {
      const deadLetter = await deadLetters.get(id);
      if (!deadLetter) throw unknownDeadLetter({ id });
      return deadLetterToProto(partOf(deadLetter, Number(payloadOffset)));
    },

    redrive: (id, { peer }) =>
      change(
        id,
        () => deadLetters.redrive(id),
        (subject) => logger.info({ ...subject, peer }, 'dead letter redriven by an operator'),
      ),

    discard: (id, note, { peer }) =>
      change(
        id,
        () => deadLetters.discard(id, note),
        (subject) => logger.info({ ...subject, note, peer }, 'dead letter discarded by an operator'),
      ),
  };
}

/** What the log says of a dead letter: not its payload, which may hold personal data. */
async function subjectOf(deadLetters: DeadLetterQueue, id: string): Promise<object> {
  const { source, origin, subjectId, reason } = (await deadLetters.get(id)) ?? {};
  return { id, source, origin, subject: subjectId, reason };
}

function failureOf(id: string, error: unknown, logger: Logger): DeadLetterChange {
  // A response may have a thousand of them.
  if (error instanceof MeshError) return { reason: error.reason, message: cutText(error.message, 1_000) };
  logger.error({ err: error, dead_letter: id }, 'changing a dead letter failed');
  return { reason: handlerFailed.reason, message: 'it failed again: GetDeadLetter shows the new error' };
}

const sources = {
  event: SourceMessage.DEAD_LETTER_SOURCE_EVENT,
  task: SourceMessage.DEAD_LETTER_SOURCE_TASK,
  saga: SourceMessage.DEAD_LETTER_SOURCE_SAGA,
} as const satisfies Record<DeadLetterSource, SourceMessage>;

export function sourceToProto(source: DeadLetterSource): SourceMessage {
  return sources[source];
}

// Callers accept messages of 4 MiB.
const maxPayloadBytes = 3 * 1024 * 1024;
const maxHeaderBytes = 512 * 1024;
// If they are larger.
const maxCutValueBytes = 1024;
// Those of earlier versions may be longer.
const maxSentErrorBytes = 64 * 1024;

/** Returns what fits a message: the payload from an offset, and the headers unless they are too large. */
function partOf(deadLetter: DeadLetter, payloadOffset: number): ListedDeadLetter {
  const { payload, headers } = deadLetter;
  const areHeadersCut = Buffer.byteLength(JSON.stringify(headers)) > maxHeaderBytes;
  return {
    ...deadLetter,
    payload: payload.subarray(payloadOffset, payloadOffset + maxPayloadBytes),
    headers: areHeadersCut ? cutHeaders(headers) : headers,
    cut: { payloadBytes: payload.length, headers: areHeadersCut },
  };
}

/** Returns as many headers as fit, in the order of their names, with only the beginning of long values. */
function cutHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const fitting: Record<string, string> = {};
  let bytes = 0;
  for (const name of Object.keys(headers).toSorted()) {
    const value = cutText(headers[name] ?? '', maxCutValueBytes);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    if (bytes <= maxHeaderBytes) fitting[name] = value;
  }
  return fitting;
}

function deadLetterToProto(deadLetter: ListedDeadLetter): DeadLetterMessage {
  const { id, source, origin, reason, error, attempts, payload, headers, subjectId, cut, closing } = deadLetter;
  return {
    id,
    source: sources[source],
    origin,
    reason,
    error: cutText(error, maxSentErrorBytes),
    attempts,
    payload,
    headers: { ...headers },
    subjectId,
    firstTime: new Date(deadLetter.firstTimeMs),
    lastTime: new Date(deadLetter.lastTimeMs),
    payloadSize: BigInt(cut?.payloadBytes ?? payload.length),
    headersOmitted: cut?.headers ?? false,
    closing: closing && closingToProto(closing),
  };
}

const outcomes = {
  redriven: OutcomeMessage.DEAD_LETTER_OUTCOME_REDRIVEN,
  discarded: OutcomeMessage.DEAD_LETTER_OUTCOME_DISCARDED,
} as const satisfies Record<DeadLetterClosing['outcome'], OutcomeMessage>;

function closingToProto({ outcome, note, timeMs, requestId }: DeadLetterClosing): ClosingMessage {
  return { outcome: outcomes[outcome], note, time: new Date(timeMs), requestId };
}

/** Returns the filter with the fields that are set. */
function filterFromProto({ source, origin, reason }: DeadLetterFilterMessage): DeadLetterFilter {
  const known = (Object.keys(sources) as DeadLetterSource[]).find((name) => sources[name] === source);
  return { ...(known && { source: known }), ...(origin && { origin }), ...(reason && { reason }) };
}
