import { handlerFailed } from '../../dead-letters/errors.ts';
import { isInfrastructureFault } from '../../errors/codes.ts';
import { describeError } from '../../errors/error-text.ts';
import { uuidv7 } from '../../ids/ids.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { waitsForParked } from '../errors.ts';
import type { RecordedEvent } from '../event-store.ts';
import { insertParked, parkingOf } from './parked/parked-table.ts';
import type { Projection } from './projection.ts';

/** What events are taken with. */
export interface ApplyOptions {
  readonly projection: Projection;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The delays before retries of the first event of a batch that fails. Others of the batch are retried once, without delay. */
  readonly retryDelaysMs: readonly number[];
  /** Whether the live generation is advanced: an event that it parks is logged as an error. */
  readonly isLive: boolean;
}

/**
 * Advances generations of a projection from one position to another, in the transaction that applies the events between.
 * Returns the advanced ones: none if they are no longer at `from`.
 */
export type Advance = (tx: Transaction, from: bigint, to: bigint) => Promise<readonly bigint[]>;

interface Batch {
  readonly options: ApplyOptions;
  readonly advance: Advance;
  /** The delays for the next event that fails alone. Only the first one waits, so many failures do not delay the rest. */
  delaysMs: readonly number[];
}

/** An error that a projection threw, and the generation that it threw it for. */
class ApplyError extends Error {
  override readonly name = 'ApplyError';
  readonly generation: bigint;

  constructor(generation: bigint, cause: unknown) {
    super('a projection failed', { cause });
    this.generation = generation;
  }
}

/**
 * Applies the events after `from` to a projection, in one transaction if possible. If the projection throws, the batch is
 * bisected to find the failing events; each is retried, then parked with its reason together with the rest of its stream.
 * Returns false if another process advanced the position. Throws if the storage is unavailable: then apply them again.
 */
export function applyBatch(
  options: ApplyOptions,
  advance: Advance,
  from: bigint,
  events: readonly RecordedEvent[],
): Promise<boolean> {
  return applyOrSplit({ options, advance, delaysMs: options.retryDelaysMs }, from, events);
}

async function applyOrSplit(batch: Batch, from: bigint, events: readonly RecordedEvent[]): Promise<boolean> {
  try {
    return await tryToApply(batch, from, events);
  } catch (error) {
    if (!(error instanceof ApplyError)) throw error;
    const [first, ...others] = events;
    if (first === undefined) throw error;
    if (others.length === 0) return await applyOrPark(batch, from, first, error);
    const middle = Math.ceil(events.length / 2);
    const firstHalf = events.slice(0, middle);
    if (!(await applyOrSplit(batch, from, firstHalf))) return false;
    return await applyOrSplit(batch, firstHalf.at(-1)?.position ?? from, events.slice(middle));
  }
}

/** Advances to the last of the events and applies all of them; `failed` generations park them instead. */
function tryToApply(
  { options, advance }: Batch,
  from: bigint,
  events: readonly RecordedEvent[],
  failed: ReadonlyMap<bigint, Failure> = new Map(),
): Promise<boolean> {
  const work = async (tx: Transaction) => {
    const generations = await advance(tx, from, events.at(-1)?.position ?? from);
    for (const generation of generations) {
      const failure = failed.get(generation);
      if (failure === undefined) await applyTo(tx, options, generation, events);
      else for (const event of events) await park(tx, options, generation, event, failure);
    }
    return generations.length > 0;
  };
  // A generation that is not live is rebuilt after a crash.
  return options.storage.transaction(work, { flush: options.isLive });
}

/**
 * Applies events to a generation. Skips discarded events, and parks those whose stream has parked events. Throws an
 * ApplyError with what the projection throws, or the error of an unavailable storage.
 */
export async function applyTo(
  tx: Transaction,
  options: Pick<ApplyOptions, 'projection' | 'clock'>,
  generation: bigint,
  events: readonly RecordedEvent[],
): Promise<void> {
  const { projection, clock } = options;
  const { streams, discarded } = await parkingOf(tx, projection.name, generation, events);
  const wanted = discarded.size === 0 ? events : events.filter(({ position }) => !discarded.has(position));
  const applicable = streams.size === 0 ? wanted : wanted.filter(({ stream }) => !streams.has(stream));
  try {
    for (const { fault } of applicable) if (fault) throw fault;
    if (applicable.length > 0) await projection.apply(tx, generation, applicable);
  } catch (error) {
    throw isInfrastructureFault(error) ? error : new ApplyError(generation, error);
  }
  const why = { reason: waitsForParked.reason, error: 'an earlier event of its stream is parked', attempts: 0 };
  for (const event of wanted.filter(({ stream }) => streams.has(stream))) {
    await park(tx, options, generation, event, { ...why, firstTimeMs: clock.now() });
  }
}

/** Whether a projection threw it. */
export function isApplyError(error: unknown): boolean {
  return error instanceof ApplyError;
}

async function applyOrPark(batch: Batch, from: bigint, event: RecordedEvent, firstError: ApplyError): Promise<boolean> {
  const { projection, clock, logger, signal } = batch.options;
  const firstTimeMs = clock.now();
  // A corrupt event stays corrupt.
  const delaysMs = event.fault ? [] : batch.delaysMs;
  if (!event.fault) batch.delaysMs = [0];
  const failed = new Map<bigint, Failure>();
  let error = firstError;
  for (let attempts = 1; ; attempts += 1) {
    const delayMs = delaysMs[attempts - 1];
    if (delayMs === undefined) {
      const failure = { ...describeFailure(error.cause), attempts, firstTimeMs };
      failed.set(error.generation, failure);
      const { stream, version, position } = event;
      const about = { projection: projection.name, stream, version, position, ...failure };
      const level = batch.options.isLive ? 'error' : 'info';
      logger[level](about, 'projection failed on an event; parked it and the rest of its stream');
    } else {
      await sleep(clock, delayMs, signal);
      signal.throwIfAborted();
    }
    try {
      return await tryToApply(batch, from, [event], failed);
    } catch (again) {
      if (!(again instanceof ApplyError)) throw again;
      error = again;
    }
  }
}

interface Failure {
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstTimeMs: number;
}

/** Returns what is stored of an error. */
export function describeFailure(error: unknown): { readonly reason: string; readonly error: string } {
  const { reason, message } = describeError(error, handlerFailed);
  return { reason, error: message };
}

function park(
  tx: Transaction,
  { projection: { name }, clock }: Pick<ApplyOptions, 'projection' | 'clock'>,
  generation: bigint,
  { position, stream }: RecordedEvent,
  failure: Failure,
): Promise<void> {
  const lastTimeMs = clock.now();
  return insertParked(tx, { id: uuidv7(lastTimeMs), name, generation, position, stream, ...failure, lastTimeMs });
}
