import { Status } from 'nice-grpc-common';
import type { DeadLetterStore, Redrive } from '../../dead-letters/store.ts';
import { isInfrastructureFault, isMiswired } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { uuidv5 } from '../../ids/ids.ts';
import type { AgingClock } from '../../storage/aging/aging-clock.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { continueTrace } from '../../telemetry/trace-context.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { type EventAttributes, readAttributes } from '../log/envelope.ts';
import type { StoredEvent } from '../log/event-log.ts';
import type { EventEffect, EventHandler } from './consumer.ts';
import { type EventFailure, eventOfDeadLetter, eventToDeadLetter } from './dead-letters.ts';
import { claim, isClaimed, reclaim } from './inbox.ts';

/** What the handling of events works with. */
export interface EventHandlingOptions {
  readonly storage: Storage;
  readonly handler: EventHandler;
  /** In the same storage. */
  readonly deadLetters: DeadLetterStore;
  readonly retryDelaysMs: readonly number[];
  /** The time of what the inbox remembers. */
  readonly aging: AgingClock;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Gives each event its one effect, or makes it a dead letter. */
export interface EventHandling {
  /**
   * Resolves once the event's effect, or its dead letter, is durable. Rejects when neither can be had now: the storage
   * cannot be used, or `signal` aborted between two tries. Then the event has to be handed over again.
   */
  handle(event: StoredEvent, signal: AbortSignal): Promise<void>;
  /**
   * Throws while an event waits here because this mesh is wired wrongly: with what it was answered last. It no longer waits
   * here once its partition is handled by another process.
   */
  check(): void;
  /** Handles the event of a dead letter again, unless it has had its effect already. */
  readonly redrive: Redrive;
}

/** Binds a handler to inbox and dead letters. */
export function createEventHandling(options: EventHandlingOptions): EventHandling {
  const { storage, handler, deadLetters, retryDelaysMs, aging, clock, logger } = options;
  const { group } = handler;
  /** By partition, the answer for which its event waits, and what aborts when others handle it from then on. */
  const miswired = new Map<string, { readonly answer: MeshError; readonly signal: AbortSignal }>();

  async function rememberOnce(
    tx: Transaction,
    event: StoredEvent,
    attributes: EventAttributes,
    as: 'handled' | 'dead',
  ): Promise<boolean> {
    const formerId = formerInboxId(event);
    // Remembered before the event was made: then it was another in the same place.
    if (formerId !== undefined && (await isClaimed(tx, group, formerId, event.timeMs))) return false;
    return await claim(tx, group, inboxId(attributes), as, aging.nowMs());
  }

  function waitFor(answer: MeshError, event: StoredEvent, attributes: EventAttributes, signal: AbortSignal): void {
    const isFirst = miswired.get(partitionOf(event))?.signal !== signal;
    miswired.set(partitionOf(event), { answer, signal });
    if (!isFirst) return;
    const details = { err: answer, group, event: attributes.id, topic: event.topic, partition: event.partition };
    logger.error(details, 'an event waits: whom its handler asks is missing or refuses this service; see the settings');
  }

  async function apply(event: StoredEvent, attributes: EventAttributes): Promise<void> {
    const effect = await read(event, attributes);
    if (!effect) return;
    await storage.transaction(async (tx) => {
      if (await rememberOnce(tx, event, attributes, 'handled')) await effect(tx);
    });
  }

  async function read(event: StoredEvent, attributes: EventAttributes): Promise<EventEffect | undefined> {
    const scope = {
      requestId: attributes.correlationId ?? attributes.id,
      traceparent: continueTrace(attributes.traceparent),
      deadlineMs: undefined,
      signal: undefined,
    };
    const effect = await runInScope(scope, () => handler.handle(event, attributes));
    return effect && ((tx) => runInScope(scope, () => effect(tx)));
  }

  async function bury(event: StoredEvent, attributes: EventAttributes, failure: EventFailure): Promise<void> {
    const letterId = await storage.transaction(async (tx) => {
      if (!(await rememberOnce(tx, event, attributes, 'dead'))) return undefined;
      return await deadLetters.add(tx, eventToDeadLetter(event, group, failure));
    });
    if (letterId === undefined) return;
    const { topic, partition, offset, key } = event;
    const place = { topic, partition, offset: `${offset}`, key };
    logger.error(
      { dead_letter: letterId, group, event: attributes.id, ...place, ...failure },
      'an event became a dead letter',
    );
  }

  return {
    async handle(event, signal) {
      const attributes = readAttributes(event);
      const firstTimeMs = clock.now();
      for (let attempts = 1; ; attempts++) {
        try {
          await apply(event, attributes);
          miswired.delete(partitionOf(event));
          return;
        } catch (error) {
          if (error instanceof MeshError && isMiswired(error)) {
            waitFor(error, event, attributes, signal);
            throw error;
          }
          if (isInfrastructureFault(error)) throw error;
          miswired.delete(partitionOf(event));
          const delayMs = isFinal(error) ? undefined : retryDelaysMs[attempts - 1];
          if (delayMs === undefined) {
            const lastTimeMs = clock.now();
            return await bury(event, attributes, { ...describe(error), attempts, firstTimeMs, lastTimeMs });
          }
          logger.warn(
            { err: error, group, event: attributes.id, attempts },
            'an event was not handled; it is tried again',
          );
          await sleep(clock, delayMs, signal);
          if (signal.aborted) throw error;
        }
      }
    },
    check() {
      for (const { answer, signal } of miswired.values()) if (!signal.aborted) throw answer;
    },
    async redrive(letter) {
      const event = eventOfDeadLetter(letter);
      const attributes = readAttributes(event);
      const effect = await read(event, attributes);
      return async (tx) => {
        if (await reclaim(tx, group, inboxId(attributes), aging.nowMs())) await effect?.(tx);
      };
    },
  };
}

const storable = /^[ -~]{1,200}$/;

/**
 * What tells an event from all others: source and id, says CloudEvents. A hash of them where a foreign producer's are
 * nothing that every database can store and index.
 */
function inboxId({ source, id }: Pick<EventAttributes, 'source' | 'id'>): string {
  const name = `${source} ${id}`;
  return storable.test(name) ? name : uuidv5(source, id);
}

/** What an earlier version remembered an event without an id by: its place, which another may take. */
function formerInboxId({ headers, topic, partition, offset }: StoredEvent): string | undefined {
  if (headers.ce_id !== undefined) return undefined;
  return inboxId({ source: headers.ce_source ?? '', id: `${topic}/${partition}/${offset}` });
}

function partitionOf({ topic, partition }: StoredEvent): string {
  return `${topic}/${partition}`;
}

/** Whether the event itself is at fault, so that no further try can help. */
function isFinal(error: unknown): boolean {
  return error instanceof SyntaxError || (error instanceof MeshError && error.code === Status.INVALID_ARGUMENT);
}

function describe(error: unknown): { readonly reason: string; readonly error: string } {
  if (error instanceof MeshError) return { reason: error.reason, error: error.message };
  const reason = error instanceof SyntaxError ? 'UNDECODABLE' : 'HANDLER_FAILED';
  return { reason, error: error instanceof Error ? error.message : String(error) };
}
