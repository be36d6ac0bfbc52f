import { join } from 'node:path';
import { type Config, databaseUrlOf } from '../config/config.ts';
import type { ServerTrust } from '../config/server-trust.ts';
import { parseSqsUrl } from '../config/sqs-url.ts';
import { MeshError } from '../errors/mesh-error.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { Storage } from '../storage/storage.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';
import { connectOnUse } from './connect-on-use.ts';
import { tasksOff } from './errors.ts';
import { errorText } from './judge-failure.ts';
import type { AttemptEnd, TaskCounts, TaskQueue, WorkOptions } from './task-queue.ts';

export interface TaskOptions {
  /** How a broker is checked. */
  readonly trust: ServerTrust;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Opens the database of the queues, or of their dead letters. */
  readonly open: (url: string) => Promise<Storage>;
}

const outcomes: readonly AttemptEnd[] = ['done', 'failed', 'waiting', 'dead'];

/** What waits in a queue. */
export interface QueueBacklog {
  readonly queue: string;
  /** Tasks that wait or are in progress. */
  readonly tasks: number;
  /** How long the longest waiting task has been due; `undefined` if the queue does not know. */
  readonly overdueMs: number | undefined;
  /** Missing unless the last attempts at its tasks in this process failed. */
  readonly failing?: FailingQueue;
}

/** The attempts at tasks of a queue since one succeeded. */
export interface FailingQueue {
  readonly sinceMs: number;
  readonly attempts: number;
  /** Of the last attempt. */
  readonly error: string;
}

/** Task queues that know which of them this process works on. */
export interface MeasuredTasks extends TaskQueue {
  /** Returns the backlog of each queue that this process works on. */
  backlogs(): Promise<QueueBacklog[]>;
}

/**
 * Opens the task queues of `TASKS_URL`. A broker is connected by the first use. Its queues keep their dead letters in a
 * database, opened by processes that use it: `tasks` of `DATABASE_URL`, or `tasks.db` in the data folder with SQLite.
 */
export async function openTasks(config: Config, options: TaskOptions): Promise<MeasuredTasks> {
  return measureTasks(await openUnmeasured(config, options), options);
}

async function openUnmeasured(config: Config, { trust, clock, logger, open }: TaskOptions): Promise<TaskQueue> {
  const { tasksUrl, deadLettersRetentionMs } = config;
  if (tasksUrl.startsWith('embedded:')) {
    const { openEmbeddedTasks } = await import('./embedded/embedded-tasks.ts');
    return openEmbeddedTasks(tasksUrl.slice('embedded:'.length), { deadLettersRetentionMs, clock, logger, open });
  }
  // Unlike an embedded queue it is the same for all instances of a service, so they may share its database.
  if (tasksUrl === 'off') return connectOnUse(() => Promise.reject(tasksOff()));
  const openLetters = () => open(deadLettersUrl(config));
  const sqs = parseSqsUrl(tasksUrl);
  if (sqs) {
    const [{ openSqsTasks }, { loadSqsClient }] = await Promise.all([
      import('./sqs/sqs-tasks.ts'),
      import('./sqs/connection/load-client.ts'),
    ]);
    // A process without the optional package must not start.
    await loadSqsClient();
    return connectOnUse(() => openSqsTasks(sqs, { trust, open: openLetters, deadLettersRetentionMs, clock, logger }));
  }
  const { openRabbitmqTasks } = await import('./rabbitmq/rabbitmq-tasks.ts');
  return connectOnUse(() =>
    openRabbitmqTasks(tasksUrl, { trust, open: openLetters, deadLettersRetentionMs, clock, logger }),
  );
}

function deadLettersUrl(config: Config): string {
  const url = databaseUrlOf(config, 'tasks');
  return url.startsWith('sqlite:') ? `sqlite:${join(config.dataDir, 'tasks.db')}` : url;
}

/**
 * Measures the queues that this process works on: `ordermesh_tasks` by state, `ordermesh_tasks_depth`,
 * `ordermesh_tasks_overdue_seconds`, and `ordermesh_tasks_attempts_total` by outcome.
 */
export function measureTasks(
  tasks: TaskQueue,
  { metrics, clock }: Pick<TaskOptions, 'metrics' | 'clock'>,
): MeasuredTasks {
  const queues = new Set<string>();
  const failures = watchFailures(clock);
  type Counts = readonly { readonly queue: string; readonly found: TaskCounts }[];
  let counting: Promise<Counts> | undefined;
  /** The metrics of one scrape share a count, because a broker counts by a request for each queue. */
  const countAll = () => {
    counting ??= Promise.all([...queues].map(async (queue) => ({ queue, found: await tasks.count(queue) }))).finally(
      () => {
        counting = undefined;
      },
    );
    return counting;
  };
  const depth = 'Tasks that wait or are being worked on, of a queue that this process works on.';
  metrics.gauge('ordermesh_tasks_depth', depth, ['queue']).collect(async () =>
    (await countAll()).map(({ queue, found }) => ({
      labels: { queue },
      value: found.ready + found.running + found.delayed,
    })),
  );
  const states = ['ready', 'running', 'delayed'] as const;
  metrics
    .gauge('ordermesh_tasks', 'Tasks of a queue that are due, being worked on, or due later.', ['queue', 'state'])
    .collect(async () =>
      (await countAll()).flatMap(({ queue, found }) =>
        states.map((state) => ({ labels: { queue, state }, value: found[state] })),
      ),
    );
  const overdue = 'How long the task has been due that has waited longest; 0 when none waits. The embedded queue only.';
  const { overdueMs } = tasks;
  if (overdueMs) {
    const read = async (queue: string) => ({ labels: { queue }, value: (await overdueMs(queue)) / 1_000 });
    metrics
      .gauge('ordermesh_tasks_overdue_seconds', overdue, ['queue'])
      .collect(() => Promise.all([...queues].map(read)));
  }
  const attempts = metrics.counter(
    'ordermesh_tasks_attempts_total',
    'Attempts at tasks, by how they ended: done, failed (it is retried), waiting (for something else), dead (a dead letter).',
    ['queue', 'outcome'],
  );
  const backlogOf = async (queue: string): Promise<QueueBacklog> => {
    const [waiting, overdue] = await Promise.all([tasks.depth(queue), tasks.overdueMs?.(queue)]);
    const failing = waiting > 0 ? failures.of(queue) : undefined;
    return { queue, tasks: waiting, overdueMs: overdue, ...(failing && { failing }) };
  };
  return {
    ...tasks,
    backlogs: () => Promise.all([...queues].toSorted().map(backlogOf)),
    work(options) {
      queues.add(options.queue);
      for (const outcome of outcomes) attempts.add({ queue: options.queue, outcome }, 0);
      const onEnd = (outcome: AttemptEnd) => attempts.add({ queue: options.queue, outcome });
      return tasks.work({ ...failures.watch(options), onEnd });
    },
  };
}

/** Remembers for each queue the failures since the last success, however the queue counts them. */
function watchFailures(clock: Clock) {
  const byQueue = new Map<string, FailingQueue>();
  return {
    of: (queue: string) => byQueue.get(queue),
    watch: ({ queue, handle, ...options }: WorkOptions): WorkOptions => ({
      ...options,
      queue,
      async handle(task, signal) {
        try {
          await handle(task, signal);
          byQueue.delete(queue);
        } catch (error) {
          const { sinceMs = clock.now(), attempts = 0 } = byQueue.get(queue) ?? {};
          const reason = error instanceof MeshError ? `${error.reason}: ` : '';
          byQueue.set(queue, { sinceMs, attempts: attempts + 1, error: `${reason}${errorText(error)}` });
          throw error;
        }
      },
    }),
  };
}
