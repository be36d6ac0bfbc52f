import { isInfrastructureFault } from '../errors/infrastructure-fault.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { uuidv7 } from '../ids/ids.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { pause } from '../telemetry/pause.ts';
import type { RecordedEvent } from './event-store.ts';
import { insertParked, parkedStreams } from './parked-table.ts';
import type { Projection } from './projection.ts';

/** What events are taken with. */
export interface TakingOptions {
  readonly projection: Projection;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/**
 * Moves generations of a projection from one position to the next, in the transaction that writes the effect of the events
 * between. Resolves with those it moved; with none when they are not at `from` any more.
 */
export type Move = (tx: Transaction, from: bigint, to: bigint) => Promise<readonly bigint[]>;

// Before the second and the third try of an event that fails by itself.
const retryDelaysMs = [100, 500];

/**
 * Gives a projection events that follow on `from`, as many as it can take in one transaction. Those that it throws on are
 * found by halving, tried again and then put aside with their reason; so are those behind them in their streams. False
 * when the position was moved by another. Rejects when the storage cannot be used: then they have to be given again.
 */
export async function takeEvents(
  options: TakingOptions,
  move: Move,
  from: bigint,
  events: readonly RecordedEvent[],
): Promise<boolean> {
  const to = events.at(-1)?.position ?? from;
  try {
    return await options.storage.transaction(async (tx) => {
      const generations = await move(tx, from, to);
      for (const generation of generations) await applyTo(tx, options, generation, events);
      return generations.length > 0;
    });
  } catch (error) {
    if (isInfrastructureFault(error)) throw error;
    const [first, ...others] = events;
    if (first === undefined) throw error;
    if (others.length === 0) return await tryAgain(options, move, from, first, error);
    const middle = Math.ceil(events.length / 2);
    const firstHalf = events.slice(0, middle);
    if (!(await takeEvents(options, move, from, firstHalf))) return false;
    return await takeEvents(options, move, firstHalf.at(-1)?.position ?? from, events.slice(middle));
  }
}

/** Applies events to a generation, and puts aside those whose streams have such already. Throws what the projection throws. */
export async function applyTo(
  tx: Transaction,
  { projection, clock }: Pick<TakingOptions, 'projection' | 'clock'>,
  generation: bigint,
  events: readonly RecordedEvent[],
): Promise<void> {
  const parked = await parkedStreams(tx, projection.name, generation);
  const free = parked.size === 0 ? events : events.filter(({ stream }) => !parked.has(stream));
  for (const { fault } of free) if (fault) throw fault;
  if (free.length > 0) await projection.apply(tx, generation, free);
  if (free.length === events.length) return;
  const why = { reason: 'BEHIND_PARKED', error: 'an event before it in its stream was put aside', attempts: 0 };
  for (const event of events.filter(({ stream }) => parked.has(stream))) {
    await park(tx, projection, generation, event, { ...why, firstTimeMs: clock.now() }, clock.now());
  }
}

async function tryAgain(
  options: TakingOptions,
  move: Move,
  from: bigint,
  event: RecordedEvent,
  firstError: unknown,
): Promise<boolean> {
  const { projection, storage, clock, logger, signal } = options;
  const firstTimeMs = clock.now();
  let error = firstError;
  let attempts = 1;
  // What was damaged stays so.
  for (const delayMs of event.fault ? [] : retryDelaysMs) {
    await pause(clock, delayMs, signal);
    signal.throwIfAborted();
    attempts += 1;
    try {
      return await storage.transaction(async (tx) => {
        const generations = await move(tx, from, event.position);
        for (const generation of generations) await applyTo(tx, options, generation, [event]);
        return generations.length > 0;
      });
    } catch (again) {
      if (isInfrastructureFault(again)) throw again;
      error = again;
    }
  }
  const failure = { ...describeFailure(error), attempts, firstTimeMs };
  const { stream, version, position } = event;
  const about = { projection: projection.name, stream, version, position, ...failure };
  logger.error(about, 'a projection cannot take an event: it is put aside, with what follows in its stream');
  return await storage.transaction(async (tx) => {
    const generations = await move(tx, from, event.position);
    for (const generation of generations) await park(tx, projection, generation, event, failure, clock.now());
    return generations.length > 0;
  });
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
  { name }: Projection,
  generation: bigint,
  { position, stream }: RecordedEvent,
  failure: Failure,
  lastTimeMs: number,
): Promise<void> {
  return insertParked(tx, { id: uuidv7(lastTimeMs), name, generation, position, stream, ...failure, lastTimeMs });
}
