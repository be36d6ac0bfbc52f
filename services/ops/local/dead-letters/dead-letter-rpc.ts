import type { DeadLetterServiceHandlers } from '#gen/ops/v1/ops.contract.ts';
import {
  type DeadLetterClosing as ClosingMessage,
  type DeadLetterFilter as DeadLetterFilterMessage,
  type DeadLetter as DeadLetterMessage,
  DeadLetterOutcome as OutcomeMessage,
  DeadLetterSource as SourceMessage,
} from '#gen/ops/v1/ops.ts';
import {
  type Clock,
  cutText,
  type DeadLetter,
  type DeadLetterClosing,
  type DeadLetterFilter,
  type DeadLetterQueue,
  type DeadLetterSource,
  type ListedDeadLetter,
  type Logger,
  sleep,
  take,
} from '#mesh';
import { unknownDeadLetter } from '../../errors.ts';
import { discardDeadLetters, redriveDeadLetters } from './change-dead-letters.ts';

// A backlog of dead letters must not overload a dependency that has just recovered, nor displace current work.
const redrivesPerSecond = 100;
// The share of a call's time in which no further redrive begins: for the last one, and for the response.
const reservedShare = 0.25;

interface Deps {
  readonly deadLetters: DeadLetterQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Implements `ops.v1.DeadLetterService`. */
export function createDeadLetterRpc({ deadLetters, clock, logger }: Deps): DeadLetterServiceHandlers {
  const pace = createPace(clock, redrivesPerSecond);
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

    async redriveDeadLetters({ ids, filter, dryRun }, call) {
      const { signal, once, peer } = call;
      const untilMs = clock.elapsedMs() + call.remainingMs() * (1 - reservedShare);
      const nextTurn = () => pace.turn(untilMs, signal);
      const redrive = async () => {
        const chosen = { ids, filter: filter && filterFromProto(filter), dryRun };
        const context = { signal, logger, peer, ...(!dryRun && { nextTurn }) };
        const { changedIds, ...others } = await redriveDeadLetters(deadLetters, chosen, context);
        return { redrivenIds: changedIds, ...others };
      };
      // A dry run has no effect to repeat, and its response is soon out of date.
      return dryRun ? await redrive() : await once.withoutTransaction(redrive);
    },

    discardDeadLetters: ({ ids, note }, { once, signal, peer }) =>
      once.withoutTransaction(async () => {
        const { changedIds, missingIds, failures } = await discardDeadLetters(deadLetters, ids, note, {
          signal,
          logger,
          peer,
        });
        return { discardedIds: changedIds, missingIds, failures };
      }),
  };
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

/** Grants turns at a bounded rate to all callers together. */
export interface Pace {
  /**
   * Resolves with true when it is the caller's turn. Resolves with false immediately, and uses no turn, if the next turn is
   * later than `untilMs` (of `elapsedMs`). Rejects when `signal` aborts while it waits.
   */
  turn(untilMs: number, signal: AbortSignal): Promise<boolean>;
}

/** Creates a pace of at most `perSecond` turns a second. Unused turns are lost. */
export function createPace(clock: Clock, perSecond: number): Pace {
  const intervalMs = 1_000 / perSecond;
  let nextMs = 0;
  return {
    async turn(untilMs, signal) {
      const nowMs = clock.elapsedMs();
      const turnMs = Math.max(nowMs, nextMs);
      if (turnMs > untilMs) return false;
      nextMs = turnMs + intervalMs;
      if (turnMs > nowMs) await sleep(clock, turnMs - nowMs, signal);
      signal.throwIfAborted();
      return true;
    },
  };
}
