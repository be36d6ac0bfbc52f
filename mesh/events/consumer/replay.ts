import { isInfrastructureFault, isMiswired } from '../../errors/codes.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { createWakeup } from '../../time/wakeup.ts';
import type { EventLog, StartPosition, StoredEvent } from '../log/event-log.ts';
import type { EventHandler } from './consumer.ts';
import type { EventHandling, EventOutcome } from './handle-event.ts';

/** What to read again. */
export interface ReplayRange {
  readonly from: StartPosition;
  /** Default: all topics of the group. */
  readonly topic?: string;
}

/** Where a replay is in a partition. */
export interface ReplayPosition {
  readonly topic: string;
  readonly partition: number;
  /** Where the replay began. */
  readonly start: bigint;
  /** Everything before this offset is done: a replay that was cancelled can continue here. */
  readonly next: bigint;
  /** The replay ends before this offset. */
  readonly end: bigint;
}

/** The progress of a replay. */
export interface ReplayProgress {
  /** How many events are done, by what became of them. */
  readonly outcomes: Readonly<Record<EventOutcome, number>>;
  readonly positions: readonly ReplayPosition[];
  /** What an event waits for; empty if none waits. */
  readonly waitingFor: string;
  /** Whether this is the last message: everything was read. */
  readonly done: boolean;
}

export interface ReplayDeps {
  readonly events: EventLog;
  readonly handler: Pick<EventHandler, 'group' | 'topics'>;
  readonly handling: Pick<EventHandling, 'handle' | 'isKnown' | 'isForgotten'>;
  readonly clock: Clock;
}

const progressMs = 500;
/** The end of a partition is not always an event: Kafka also counts markers, and operators skip damaged events. */
const quietMs = 10_000;
const maxInProgress = 64;
const retryDelayMs = backoff({ firstMs: 100, maxMs: 10_000 });

/**
 * Reads the events of a group again, from `range` to what is the end now, next to the group itself: its offsets stay. Each
 * event goes through the inbox, so those that took effect or became dead letters are passed over. An event that the inbox may
 * have forgotten is not handled, since it may have taken effect (`too-old`). Otherwise events are handled as the group does:
 * in order within a partition, with retries, as dead letters at the end. Yields the progress every 500 ms. Throws what
 * `signal` aborts with, and what the log throws.
 */
export async function* replayEvents(
  deps: ReplayDeps,
  { from, topic }: ReplayRange,
  signal: AbortSignal,
): AsyncGenerator<ReplayProgress, void, undefined> {
  const { handler, clock } = deps;
  const cancelled = new AbortController();
  const run = createRun(deps, AbortSignal.any([signal, cancelled.signal]));
  const topics = topic === undefined ? handler.topics : [topic];
  for (const name of topics) await run.add(name, from);
  const running = run.read();
  // Nobody waits for it while the reader of the progress is slow.
  running.catch(() => undefined);
  try {
    for (let done = false; !done; ) {
      const nextTurn = sleep(clock, progressMs, cancelled.signal);
      done = await Promise.race([running.then(() => true), nextTurn.then(() => false)]);
      signal.throwIfAborted();
      yield { ...run.progress(), done };
    }
  } finally {
    cancelled.abort();
    await running.catch(() => undefined);
    await run.settled();
  }
}

interface Run {
  /** Adds a topic. */
  add(topic: string, from: StartPosition): Promise<void>;
  /** Reads all of them, one after another. */
  read(): Promise<void>;
  /** Resolves once no event is in progress: none begins after the signal has aborted. */
  settled(): Promise<void>;
  progress(): Omit<ReplayProgress, 'done'>;
}

/** A partition to read. */
interface Part {
  readonly topic: string;
  readonly partition: number;
  readonly start: bigint;
  readonly end: bigint;
  next: bigint;
  /** The end of its last event in progress. */
  turn: Promise<void>;
}

function createRun({ events, handling, clock }: ReplayDeps, signal: AbortSignal): Run {
  const outcomes = { applied: 0, known: 0, ignored: 0, dead: 0, 'too-old': 0 };
  const parts: Part[] = [];
  const waiting = new Map<Part, string>();

  async function handle(event: StoredEvent, part: Part): Promise<EventOutcome> {
    for (let failures = 1; ; failures++) {
      signal.throwIfAborted();
      try {
        if (await handling.isKnown(event)) return 'known';
        if (await handling.isForgotten(event)) return 'too-old';
        return await handling.handle(event, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof MeshError) || !(isInfrastructureFault(error) || isMiswired(error))) throw error;
        waiting.set(part, error.message);
        await sleep(clock, retryDelayMs(failures), signal);
      }
    }
  }

  async function handleInTurn(event: StoredEvent, part: Part): Promise<void> {
    const outcome = await handle(event, part);
    waiting.delete(part);
    outcomes[outcome] += 1;
    part.next = event.offset + 1n;
  }

  async function readTopic(topic: string, its: readonly Part[]): Promise<void> {
    const open = new Map(its.filter(({ next, end }) => next < end).map((part) => [part.partition, part]));
    if (open.size === 0) return;
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, ended.signal]);
    const room = createWakeup();
    stop.addEventListener('abort', room.ring);
    let inProgress = 0;
    let failure: { readonly error: unknown } | undefined;

    /** Ends the reading once it is quiet, if the log works: nothing more comes then. */
    async function endWhenQuiet(busy: AbortSignal): Promise<void> {
      while (!busy.aborted) {
        await sleep(clock, quietMs, busy);
        if (busy.aborted) return;
        const works = await events.check().then(
          () => true,
          () => false,
        );
        if (works && !busy.aborted) return ended.abort();
      }
    }
    const idle = async (wait: () => Promise<void>) => {
      const busy = new AbortController();
      void endWhenQuiet(busy.signal);
      await wait().finally(() => busy.abort());
    };

    const begin = (event: StoredEvent, part: Part) => {
      inProgress += 1;
      part.turn = part.turn.then(() => handleInTurn(event, part));
      part.turn.then(
        () => {
          inProgress -= 1;
          room.ring();
        },
        (error: unknown) => {
          failure ??= { error };
          ended.abort();
        },
      );
    };

    const offsets = new Map(its.map(({ partition, next }) => [partition, next]));
    for await (const event of events.read(topic, { at: 'offsets', offsets }, stop, idle)) {
      const part = open.get(event.partition);
      if (!part) continue;
      if (event.offset >= part.end - 1n) open.delete(part.partition);
      if (event.offset < part.end) begin(event, part);
      while (inProgress >= maxInProgress && !stop.aborted) await room.wait();
      if (open.size === 0) ended.abort();
    }
    signal.throwIfAborted();
    await Promise.allSettled(its.map(({ turn }) => turn));
    signal.throwIfAborted();
    if (failure) throw failure.error;
    for (const part of its) if (part.next < part.end) part.next = part.end;
  }

  return {
    async add(topic, from) {
      const [starts, ends] = await Promise.all([events.offsetsAt(topic, from), events.endOffsets(topic)]);
      for (const [partition, end] of ends) {
        const start = starts.get(partition) ?? 0n;
        parts.push({ topic, partition, start, end, next: start, turn: Promise.resolve() });
      }
    },
    async read() {
      for (const [topic, its] of Map.groupBy(parts, ({ topic }) => topic)) await readTopic(topic, its);
    },
    async settled() {
      await Promise.allSettled(parts.map(({ turn }) => turn));
    },
    progress: () => ({
      outcomes: { ...outcomes },
      positions: parts.map(({ turn: _turn, ...position }) => position),
      waitingFor: [...waiting.values()][0] ?? '',
    }),
  };
}
