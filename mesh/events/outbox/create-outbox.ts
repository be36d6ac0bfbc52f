import { combineDeadLetters } from '../../dead-letters/combine.ts';
import { createDeadLetterStore } from '../../dead-letters/store.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { uuidv7 } from '../../ids/ids.ts';
import type { Storage, Transaction } from '../../storage/storage.ts';
import type { NewTask, TaskQueue } from '../../tasks/task-queue.ts';
import { withScopeHeaders } from '../../tasks/task-scope.ts';
import { actorOfScope, currentScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { endOrGrace } from '../../time/end-or-grace.ts';
import { deadLettersOf, outboxOrigin } from '../consumer/dead-letters.ts';
import { unknownTopic } from '../errors.ts';
import { wrapEvent } from '../log/envelope.ts';
import type { EventLog, NewEvent } from '../log/event-log.ts';
import type { Topic } from '../log/topic.ts';
import { entryOfDeadLetter, entryToDeadLetter } from './dead-letters.ts';
import type { Outbox } from './outbox.ts';
import {
  deferEntry,
  insertEntry,
  measureOutbox,
  type OutboxEntry,
  type OutboxKind,
  outboxMigrations,
} from './outbox-table.ts';
import { createRelay, type Relay } from './relay.ts';

export interface OutboxOptions {
  /** The service's database. Entries are written in its transactions. */
  readonly storage: Storage;
  readonly events: EventLog;
  readonly tasks: TaskQueue;
  /** `//ordermesh/order`, the source of every event. */
  readonly source: string;
  /** The topics that this service publishes to. They are created before the first event is published. */
  readonly topics: readonly Pick<Topic, 'name'>[];
  /** Default: 30 days. */
  readonly deadLettersRetentionMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Creates the outbox of a service and migrates its tables. Entries can be added from then on; they are delivered once it is
 * started.
 *
 * Events of an aggregate are published in the order of their transactions if a use case changes the aggregate's row before
 * it adds the event. An entry that log or queue refuses because of its content (too large, not valid) becomes a dead letter
 * immediately. Later entries continue, even those of its key, so consumers that depend on order compare versions. A topic of
 * this service that is missing is created again, and its events wait for that.
 */
export async function createOutbox(options: OutboxOptions): Promise<Outbox> {
  const { storage, events, tasks, source, clock, logger } = options;
  const topics: ReadonlySet<string> = new Set(options.topics.map(({ name }) => name));
  await storage.migrate('outbox', outboxMigrations);
  const deadLetters = await createDeadLetterStore(storage, { clock, retentionMs: options.deadLettersRetentionMs });
  const stopping = new AbortController();
  let purging: Promise<void> = Promise.resolve();

  const optionsOf = <Kind extends OutboxKind>(kind: Kind) => ({
    kind,
    source,
    storage,
    clock,
    logger,
    deadLetter: (tx: Transaction, entry: OutboxEntry, error: MeshError) =>
      deadLetters.add(tx, entryToDeadLetter(kind, entry, error, clock.now())),
  });
  const eventRelay = createRelay({
    ...optionsOf('event'),
    prepare: async () => {
      for (const topic of topics) await events.ensureTopic(topic);
    },
    send: async (entries) => void (await events.publish(entries.map(toEvent))),
    isRetryable: ({ destination }, { reason }) => reason === unknownTopic.reason && topics.has(destination),
    // Consumers recognize an event that is published again.
    maxUndeletedMs: 1000,
  });
  const taskRelay = createRelay({
    ...optionsOf('task'),
    prepare: async () => undefined,
    send: (entries) => enqueueAll(tasks, entries),
    isRetryable: () => false,
    // A task that has ended is unknown to the queue, which would run it again.
    maxUndeletedMs: 0,
  });

  /** A redriven dead letter is delivered as a new entry, after those that wait. */
  const refused = (kind: OutboxKind, relay: Relay) =>
    deadLettersOf(
      outboxOrigin,
      deadLetters.queue(
        kind,
        async (deadLetter) => (tx) => addEntry(tx, { kind, relay, storage }, entryOfDeadLetter(deadLetter)),
      ),
    );

  return {
    async addEvent(tx, event) {
      if (!topics.has(event.topic)) {
        throw new Error(`topic ${event.topic} is not declared by ${source}: add it to the topics of the service`);
      }
      const scope = currentScope();
      const wrapped = wrapEvent(event, {
        id: uuidv7(clock.now()),
        source,
        traceparent: scope?.traceparent,
        correlationId: scope?.requestId,
        actor: actorOfScope(scope),
      });
      await addEntry(tx, { kind: 'event', relay: eventRelay, storage }, { ...wrapped, destination: wrapped.topic });
    },
    async addTask(tx, { queue, ...task }) {
      const { id, headers, payload } = withScopeHeaders(task);
      const entry = { destination: queue, key: id, headers, value: payload, timeMs: clock.now() };
      await addEntry(tx, { kind: 'task', relay: taskRelay, storage }, entry);
    },
    async start() {
      const entries = (await measureOutbox(storage)).reduce((sum, kind) => sum + kind.entries, 0);
      if (entries > 0) logger.info({ source, entries }, 'outbox resumes entries of an earlier run');
      await Promise.all([eventRelay.start(), taskRelay.start()]);
      purging = deadLetters.purge(logger, stopping.signal);
    },
    async stop(graceMs) {
      stopping.abort();
      await Promise.all([eventRelay.stop(graceMs), taskRelay.stop(graceMs), endOrGrace(purging, graceMs, clock)]);
    },
    async backlog() {
      await Promise.all([eventRelay.deleteDelivered(), taskRelay.deleteDelivered()]);
      return await measureOutbox(storage);
    },
    deadLetters: combineDeadLetters([refused('event', eventRelay), refused('task', taskRelay)]),
  };
}

async function addEntry(
  tx: Transaction,
  { kind, relay, storage }: { readonly kind: OutboxKind; readonly relay: Relay; readonly storage: Storage },
  entry: Omit<OutboxEntry, 'id'>,
): Promise<void> {
  if (storage.exclusive) {
    const added = await insertEntry(tx, kind, entry);
    tx.afterCommit(() => relay.deliver(added));
  } else {
    deferEntry(tx, kind, entry);
    tx.afterCommit(relay.wake);
  }
}

function toEvent({ destination, key, headers, value, timeMs }: OutboxEntry): NewEvent {
  return { topic: destination, key, headers, value, timeMs };
}

async function enqueueAll(tasks: TaskQueue, entries: readonly OutboxEntry[]): Promise<void> {
  const queues = Map.groupBy(entries, (entry) => entry.destination);
  for (const [queue, waiting] of queues) {
    await tasks.enqueue(
      queue,
      waiting.map((entry): NewTask => ({ id: entry.key, payload: entry.value, headers: entry.headers })),
    );
  }
}
