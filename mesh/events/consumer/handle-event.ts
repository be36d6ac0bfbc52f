import { handlerFailed } from '../../dead-letters/errors.ts';
import type { DeadLetterStore, Redrive } from '../../dead-letters/store.ts';
import { isInfrastructureFault, isInvalidEvent, isMiswired } from '../../errors/codes.ts';
import { describeError } from '../../errors/error-text.ts';
import { undecodable } from '../../errors/errors.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Storage } from '../../storage/storage.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { continueTrace } from '../../telemetry/trace-context.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { type EventAttributes, readAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import { applyEffects } from './apply-effects.ts';
import { createClaims } from './claims.ts';
import type { EventHandler, HandlerResult } from './consumer.ts';
import { type EventFailure, eventOfDeadLetter, eventToDeadLetter } from './dead-letters.ts';
import { reclaim } from './inbox.ts';
import { isForgotten } from './inbox-horizon.ts';
import { countSkippedEvents, type SkippedCount } from './skipped-events.ts';

export interface EventHandlingOptions {
  readonly storage: Storage;
  readonly handler: EventHandler;
  /** In the same storage. */
  readonly deadLetters: DeadLetterStore;
  readonly retryDelaysMs: readonly number[];
  /** The time of inbox rows. */
  readonly aging: AgingClock;
  /** Where skipped events are counted. */
  readonly metrics: Metrics | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * What became of an event: its effect was applied, it was applied or became a dead letter before, its handler ignored it, it
 * became a dead letter now, or it is so old that it may have been applied before.
 */
export type EventOutcome = 'applied' | 'known' | 'ignored' | 'dead' | 'too-old';

/** Applies the one effect of each event, or makes it a dead letter. */
export interface EventHandling {
  /**
   * Resolves when the event's effect or its dead letter is durable. Rejects if neither is possible now, because the storage
   * is unavailable or `signal` aborted between two attempts. Then the event must be delivered again.
   */
  handle(event: StoredEvent, signal: AbortSignal): Promise<EventOutcome>;
  /** Whether the event was applied or became a dead letter before. */
  isKnown(event: StoredEvent): Promise<boolean>;
  /** Whether the inbox no longer knows if the event is known. */
  isForgotten(event: StoredEvent): Promise<boolean>;
  /**
   * Throws the last error while an event waits because services are wired wrongly. It no longer waits here when another
   * process handles its partition.
   */
  check(): void;
  /** What the handler has skipped since the process started. */
  skipped(): SkippedCount[];
  /** Handles the event of a dead letter again, unless it has taken effect already. */
  readonly redrive: Redrive;
}

/** Connects a handler with inbox and dead letters. */
export function createEventHandling(options: EventHandlingOptions): EventHandling {
  const { storage, handler, deadLetters, retryDelaysMs, aging, clock, logger } = options;
  const { group } = handler;
  const skipped = countSkippedEvents(handler, options);
  const claims = createClaims(group, aging, clock);
  const applyEffect = applyEffects(storage, claims, handler);
  /** By partition: an event that waits, why, and a signal that aborts when another process takes the partition. */
  const miswired = new Map<
    string,
    { readonly offset: bigint; readonly error: MeshError; readonly signal: AbortSignal }
  >();

  function noLongerMiswired(event: StoredEvent): void {
    if (miswired.get(partitionOf(event))?.offset === event.offset) miswired.delete(partitionOf(event));
  }

  function reportMiswired(
    error: MeshError,
    event: StoredEvent,
    attributes: EventAttributes,
    signal: AbortSignal,
  ): void {
    const isFirst = miswired.get(partitionOf(event))?.signal !== signal;
    miswired.set(partitionOf(event), { offset: event.offset, error, signal });
    if (!isFirst) return;
    const details = { err: error, group, event: attributes.id, topic: event.topic, partition: event.partition };
    logger.error(
      details,
      'event waits: a service that its handler calls is missing or refuses this one; check the settings',
    );
  }

  async function apply(event: StoredEvent, attributes: EventAttributes): Promise<EventOutcome> {
    const effect = await read(event, attributes);
    if (typeof effect === 'object') skipped.note(event, attributes, effect);
    if (typeof effect !== 'function') return 'ignored';
    return await applyEffect({ event, attributes }, effect);
  }

  async function read(event: StoredEvent, attributes: EventAttributes): Promise<HandlerResult> {
    const scope = {
      requestId: attributes.correlationId ?? attributes.id,
      traceparent: continueTrace(attributes.traceparent),
      deadlineMs: undefined,
      signal: undefined,
      // Not as the caller: whoever may write into the log must not act as a user by that.
      actor: attributes.actor,
    };
    const outcome = await runInScope(scope, () => handler.handle(event, attributes));
    return typeof outcome === 'function' ? (tx) => runInScope(scope, () => outcome(tx)) : outcome;
  }

  async function deadLetter(
    event: StoredEvent,
    attributes: EventAttributes,
    failure: EventFailure,
  ): Promise<EventOutcome> {
    const result = await storage.transaction(async (tx) => {
      const claimed = await claims.claimOnce(tx, { event, attributes }, 'dead');
      if (claimed !== 'claimed') return claimed;
      return { id: await deadLetters.add(tx, eventToDeadLetter(event, group, failure)) };
    });
    if (typeof result === 'string') return result;
    const { topic, partition, offset, key } = event;
    const place = { topic, partition, offset: `${offset}`, key };
    logger.error(
      { dead_letter: result.id, group, event: attributes.id, ...place, ...failure },
      'event became a dead letter',
    );
    return 'dead';
  }

  return {
    async handle(event, signal) {
      const attributes = readAttributes(event);
      const firstTimeMs = clock.now();
      for (let attempts = 1; ; attempts++) {
        try {
          const outcome = await apply(event, attributes);
          noLongerMiswired(event);
          if (outcome === 'too-old') skipped.noteTooOld(event, attributes);
          return outcome;
        } catch (error) {
          if (error instanceof MeshError && isMiswired(error)) {
            reportMiswired(error, event, attributes, signal);
            throw error;
          }
          if (isInfrastructureFault(error)) throw error;
          noLongerMiswired(event);
          const delayMs = isInvalidEvent(error) ? undefined : retryDelaysMs[attempts - 1];
          if (delayMs === undefined) {
            const lastTimeMs = clock.now();
            const failure = { ...describe(error), attempts, firstTimeMs, lastTimeMs };
            const outcome = await deadLetter(event, attributes, failure);
            if (outcome === 'too-old') skipped.noteTooOld(event, attributes);
            return outcome;
          }
          logger.warn({ err: error, group, event: attributes.id, attempts }, 'event failed; retrying');
          await sleep(clock, delayMs, signal);
          if (signal.aborted) throw error;
        }
      }
    },
    isKnown: (event) => claims.isKnown(storage, event),
    isForgotten: (event) => isForgotten(storage, group, event, clock),
    check() {
      for (const { error, signal } of miswired.values()) if (!signal.aborted) throw error;
    },
    skipped: skipped.counts,
    async redrive(redriven) {
      const event = eventOfDeadLetter(redriven);
      const attributes = readAttributes(event);
      const effect = await read(event, attributes);
      // It stays a dead letter until somebody discards it.
      if (typeof effect === 'object') throw undecodable({ thing: `event of ${event.topic}`, problem: effect.problem });
      return async (tx) => {
        if (await reclaim(tx, claims.of({ event, attributes }))) await effect?.(tx);
      };
    },
  };
}

function partitionOf({ topic, partition }: StoredEvent): string {
  return `${topic}/${partition}`;
}

function describe(error: unknown): { readonly reason: string; readonly error: string } {
  const { reason, message } = describeError(error, error instanceof SyntaxError ? undecodable : handlerFailed);
  return { reason, error: message };
}
