import { uuidv7 } from '../ids/ids.ts';
import type { Storage } from '../storage/storage.ts';
import type { NewTask, TaskQueue } from '../tasks/task-queue.ts';
import { withScopeHeaders } from '../tasks/task-scope.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { wrapEvent } from './envelope.ts';
import type { EventLog, NewEvent } from './event-log.ts';
import type { Outbox } from './outbox.ts';
import { createRelay } from './outbox-relay.ts';
import { insertEntry, measureOutbox, type OutboxEntry, outboxMigrations } from './outbox-table.ts';

/** What an outbox stands between. */
export interface OutboxOptions {
  /** The service's database: entries are written in its transactions. */
  readonly storage: Storage;
  readonly events: EventLog;
  readonly tasks: TaskQueue;
  /** `//ordermesh/order`: who says so, in every event. */
  readonly source: string;
  /** The topics that this service owns; they are created before the first event is sent. */
  readonly topics: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Makes the outbox of a service, and its tables. Entries may be added from then on; they are handed on once it is started.
 *
 * Events of an aggregate go out in the order of their transactions as long as a use case changes the aggregate's row
 * before it adds the event. An entry that log or queue refuses for what it is (a missing topic, too large) is set aside
 * with its reason, counted in the backlog and offered again at the next start; others, also of its key, go on.
 */
export async function createOutbox(options: OutboxOptions): Promise<Outbox> {
  const { storage, events, tasks, source, topics, clock, logger } = options;
  await storage.migrate('outbox', outboxMigrations);

  const common = { storage, clock, logger };
  const eventRelay = createRelay({
    ...common,
    kind: 'event',
    prepare: async () => {
      for (const topic of topics) await events.ensureTopic(topic);
    },
    send: async (entries) => void (await events.publish(entries.map(toEvent))),
  });
  const taskRelay = createRelay({
    ...common,
    kind: 'task',
    prepare: async () => undefined,
    send: (entries) => enqueueAll(tasks, entries),
  });

  return {
    async addEvent(tx, event) {
      const scope = currentScope();
      const wrapped = wrapEvent(event, {
        id: uuidv7(clock.now()),
        source,
        traceparent: scope?.traceparent,
        correlationId: scope?.requestId,
      });
      await insertEntry(tx, 'event', { ...wrapped, destination: wrapped.topic });
      tx.afterCommit(eventRelay.wake);
    },
    async addTask(tx, queue, task) {
      const { id, headers, payload } = withScopeHeaders(task);
      await insertEntry(tx, 'task', { destination: queue, key: id, headers, value: payload, timeMs: clock.now() });
      tx.afterCommit(taskRelay.wake);
    },
    async start() {
      const { entries } = await measureOutbox(storage);
      if (entries > 0) logger.info({ source, entries }, 'the outbox has entries of an earlier run to hand on');
      await Promise.all([eventRelay.start(), taskRelay.start()]);
    },
    async stop(graceMs) {
      await Promise.all([eventRelay.stop(graceMs), taskRelay.stop(graceMs)]);
    },
    backlog: () => measureOutbox(storage),
  };
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
