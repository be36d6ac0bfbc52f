import type { DeadLetterQueue } from '../../dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../dead-letters/store.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import { openAgingClock } from '../../storage/aging/aging-clock.ts';
import type { Storage } from '../../storage/storage.ts';
import { logFailedAttempt, logRecovery } from '../../telemetry/log-failed-attempt.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backoff } from '../../time/backoff.ts';
import type { Clock } from '../../time/clock.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import { sleep } from '../../time/sleep.ts';
import { defaultRetentionMs } from '../log/envelope.ts';
import type { EventLog, LogConsumer, StoredEvent } from '../log/event-log.ts';
import type { EventHandler } from './consumer.ts';
import { deadLettersOf, outboxOrigin } from './dead-letters.ts';
import { createEventHandling } from './handle-event.ts';
import { inboxRetention, migrateInbox, purgeInbox } from './inbox.ts';
import { estimateHorizon } from './inbox-horizon.ts';
import { measureLag, type PartitionLag } from './lag.ts';
import { type ReplayProgress, type ReplayRange, replayEvents } from './replay.ts';
import type { SkippedCount } from './skipped-events.ts';

export interface EventConsumerOptions {
  readonly events: EventLog;
  /** Where the handler writes its effects. Inbox and dead letters are kept there too. */
  readonly storage: Storage;
  readonly handler: EventHandler;
  /** The delays before the second, third, ... attempt. Default: 100 ms, 500 ms, 2 s, 5 s, so five attempts in all. */
  readonly retryDelaysMs?: readonly number[];
  /** Where a new group starts. Default: `beginning`. */
  readonly startAt?: 'beginning' | 'latest';
  /** How long the log keeps events. The inbox keeps them a day longer, and at least 8 days. Default: 7 days. */
  readonly logRetentionMs?: number;
  /** How long redriven and discarded dead letters are kept. Default: 30 days. */
  readonly deadLettersRetentionMs?: number;
  /** Counts skipped events. Default: they are only logged. */
  readonly metrics?: Metrics;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Consumes events for a service. */
export interface EventConsumer {
  /** Creates missing topics and joins the group. While the log is unavailable, it keeps trying in the background. */
  start(): Promise<void>;
  /**
   * Finishes the events in progress, within `graceMs`. Default: 10 s. An event that takes longer, or waits for its next
   * attempt, is delivered again after the next start.
   */
  stop(graceMs?: number): Promise<void>;
  /**
   * Rejects while a partition makes no progress: its data is damaged (`PARTITION_UNREADABLE`), its broker cannot be reached
   * while others can, or its event waits because services are wired wrongly.
   */
  check(): Promise<void>;
  readonly group: string;
  readonly topics: readonly string[];
  /** Returns where the group is in each partition. UNAVAILABLE `EVENTS_UNAVAILABLE` if the log cannot be asked. */
  lag(): Promise<PartitionLag[]>;
  /** What the group has skipped in this process since its start. */
  skipped(): SkippedCount[];
  /** Reads events again that exist now. See `replayEvents`. */
  replay(range: ReplayRange, signal: AbortSignal): AsyncGenerator<ReplayProgress>;
  /** The group's dead letters. A redriven event is handled again; effect and inbox row are one transaction. */
  readonly deadLetters: DeadLetterQueue;
}

const defaultRetryDelaysMs = [100, 500, 2000, 5000];
const defaultStopGraceMs = 10_000;
const joinDelayMs = backoff({ firstMs: 100, maxMs: 5000 });

/**
 * Creates the consumer of a handler and migrates its tables. Each event takes effect once. An event that fails permanently
 * becomes a durable dead letter before its offset is committed. Later events continue, even those of its key, so a handler
 * that depends on order compares versions.
 */
export async function createEventConsumer(options: EventConsumerOptions): Promise<EventConsumer> {
  const { events, storage, handler, metrics, clock, logger } = options;
  if (handler.group === outboxOrigin) throw new Error(`group name ${outboxOrigin} is reserved: choose another`);
  await migrateInbox(storage);
  const deadLetters = await createDeadLetterStore(storage, { clock, retentionMs: options.deadLettersRetentionMs });

  const retryDelaysMs = options.retryDelaysMs ?? defaultRetryDelaysMs;
  const retentionMs = inboxRetention(options.logRetentionMs ?? defaultRetentionMs);
  const aging = await openAgingClock(storage, clock);
  await estimateHorizon(storage, aging, clock);
  const handling = createEventHandling({
    storage,
    handler,
    deadLetters,
    retryDelaysMs,
    aging,
    metrics,
    clock,
    logger,
  });
  const stopping = new AbortController();
  let member: LogConsumer | undefined;
  let failures = 0;
  let failure: unknown;
  let background: Promise<unknown> = Promise.resolve();

  const handle = async (event: StoredEvent, signal: AbortSignal) => void (await handling.handle(event, signal));

  const lag = () => measureLag(events, handler);

  async function tryToJoin(): Promise<boolean> {
    const { group, topics, concurrency } = handler;
    try {
      for (const topic of topics) await events.ensureTopic(topic);
      member = await events.consume({ group, topics, start: options.startAt ?? 'beginning', handle, concurrency });
      if (failures > 0) logRecovery({ logger, clock }, { err: failure, group, failures }, 'consumer joined its group');
      return true;
    } catch (error) {
      failures += 1;
      failure = error;
      logFailedAttempt(
        { logger, clock, failures },
        { err: error, group },
        'consumer could not join its group; retrying',
      );
      return false;
    }
  }

  async function joinLater(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(clock, joinDelayMs(failures), stopping.signal);
      if (stopping.signal.aborted || (await tryToJoin())) return;
    }
  }

  async function leave(): Promise<void> {
    await background;
    await member?.stop();
  }

  return {
    async start() {
      const joined = await tryToJoin();
      background = Promise.all([
        joined ? undefined : joinLater(),
        purgeInbox(storage, { group: handler.group, lag, retentionMs, aging, clock, logger }, stopping.signal),
        deadLetters.purge(logger, stopping.signal),
      ]);
    },
    async check() {
      handling.check();
      await member?.check();
    },
    async stop(graceMs = defaultStopGraceMs) {
      stopping.abort();
      if ((await endOrGrace(leave(), graceMs, clock)) === 'ended') return;
      logger.warn(
        { group: handler.group, waited_ms: graceMs },
        'consumer stopped with events in progress; they will be delivered again',
      );
    },
    group: handler.group,
    topics: handler.topics,
    lag,
    skipped: handling.skipped,
    replay: (range, signal) =>
      replayEvents({ events, handler, handling, clock }, range, AbortSignal.any([signal, stopping.signal])),
    deadLetters: deadLettersOf(handler.group, deadLetters.queue('event', handling.redrive)),
  };
}
