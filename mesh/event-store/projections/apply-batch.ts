import { isInfrastructureFault } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
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
export interface TakingOptions {
  readonly projection: Projection;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** The waits before further tries of the first event of a batch that fails. Others of it are tried once more, at once. */
  readonly retryDelaysMs: readonly number[];
  /** Whether the live generation is among those that take them: what that puts aside is an error in the log. */
  readonly isLive: boolean;
}

/**
 * Moves generations of a projection from one position to the next, in the transaction that writes the effect of the events
 * between. Resolves with those it moved; with none when they are not at `from` any more. What it throws is passed on.
 */
export type Move = (tx: Transaction, from: bigint, to: bigint) => Promise<readonly bigint[]>;

/** Gives a projection events that follow on a position; see `takeEvents`. */
interface Batch {
  readonly options: TakingOptions;
  readonly move: Move;
  /** What the next event that fails by itself waits; once for all of them, so that many do not hold up the others. */
  delaysMs: readonly number[];
}

/** What a projection threw, and on which generation. */
class ApplyError extends Error {
  override readonly name = 'ApplyError';
  readonly generation: bigint;

  constructor(generation: bigint, cause: unknown) {
    super('a projection cannot take events', { cause });
    this.generation = generation;
  }
}

/**
 * Gives a projection events that follow on `from`, as many as it can take in one transaction. Those that it throws on are
 * found by halving, tried again and then put aside with their reason; so are those behind them in their streams. False
 * when the position was moved by another. Rejects when the storage cannot be used: then they have to be given again.
 */
export function takeEvents(
  options: TakingOptions,
  move: Move,
  from: bigint,
  events: readonly RecordedEvent[],
): Promise<boolean> {
  return take({ options, move, delaysMs: options.retryDelaysMs }, from, events);
}

async function take(batch: Batch, from: bigint, events: readonly RecordedEvent[]): Promise<boolean> {
  try {
    return await tryToTake(batch, from, events);
  } catch (error) {
    if (!(error instanceof ApplyError)) throw error;
    const [first, ...others] = events;
    if (first === undefined) throw error;
    if (others.length === 0) return await takeOne(batch, from, first, error);
    const middle = Math.ceil(events.length / 2);
    const firstHalf = events.slice(0, middle);
    if (!(await take(batch, from, firstHalf))) return false;
    return await take(batch, firstHalf.at(-1)?.position ?? from, events.slice(middle));
  }
}

/** Moves to the last of the events, with the effect of all; `failed` generations put them aside instead. */
function tryToTake(
  { options, move }: Batch,
  from: bigint,
  events: readonly RecordedEvent[],
  failed: ReadonlyMap<bigint, Failure> = new Map(),
): Promise<boolean> {
  return options.storage.transaction(async (tx) => {
    const generations = await move(tx, from, events.at(-1)?.position ?? from);
    for (const generation of generations) {
      const failure = failed.get(generation);
      if (failure === undefined) await applyTo(tx, options, generation, events);
      else for (const event of events) await park(tx, options, generation, event, failure);
    }
    return generations.length > 0;
  });
}

/**
 * Applies events to a generation, but for those that were discarded, and puts aside those whose streams have such already.
 * Throws an ApplyError with what the projection throws, and what the storage throws when that cannot be used.
 */
export async function applyTo(
  tx: Transaction,
  options: Pick<TakingOptions, 'projection' | 'clock'>,
  generation: bigint,
  events: readonly RecordedEvent[],
): Promise<void> {
  const { projection, clock } = options;
  const { streams, discarded } = await parkingOf(tx, projection.name, generation, events);
  const wanted = discarded.size === 0 ? events : events.filter(({ position }) => !discarded.has(position));
  const free = streams.size === 0 ? wanted : wanted.filter(({ stream }) => !streams.has(stream));
  try {
    for (const { fault } of free) if (fault) throw fault;
    if (free.length > 0) await projection.apply(tx, generation, free);
  } catch (error) {
    throw isInfrastructureFault(error) ? error : new ApplyError(generation, error);
  }
  const why = { reason: waitsForParked.reason, error: 'an event before it in its stream is parked', attempts: 0 };
  for (const event of wanted.filter(({ stream }) => streams.has(stream))) {
    await park(tx, options, generation, event, { ...why, firstTimeMs: clock.now() });
  }
}

/** Whether it is what a projection threw. */
export function isApplyError(error: unknown): boolean {
  return error instanceof ApplyError;
}

async function takeOne(batch: Batch, from: bigint, event: RecordedEvent, firstError: ApplyError): Promise<boolean> {
  const { projection, clock, logger, signal } = batch.options;
  const firstTimeMs = clock.now();
  // What was damaged stays so.
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
      logger[level](about, 'a projection cannot take an event: it is put aside, with what follows in its stream');
    } else {
      await sleep(clock, delayMs, signal);
      signal.throwIfAborted();
    }
    try {
      return await tryToTake(batch, from, [event], failed);
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

/** What is kept of an error: its reason, and its words. */
export function describeFailure(error: unknown): { readonly reason: string; readonly error: string } {
  if (error instanceof MeshError) return { reason: error.reason, error: error.message };
  return { reason: 'HANDLER_FAILED', error: error instanceof Error ? error.message : String(error) };
}

function park(
  tx: Transaction,
  { projection: { name }, clock }: Pick<TakingOptions, 'projection' | 'clock'>,
  generation: bigint,
  { position, stream }: RecordedEvent,
  failure: Failure,
): Promise<void> {
  const lastTimeMs = clock.now();
  return insertParked(tx, { id: uuidv7(lastTimeMs), name, generation, position, stream, ...failure, lastTimeMs });
}
