import type { ServerTrust } from '../../config/server-trust.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { openOnUse } from '../brokered/dead-letters/open-on-use.ts';
import { createRecentStamps } from '../brokered/recent-stamps.ts';
import type { TaskCounts, TaskQueue } from '../task-queue.ts';
import { withScopeHeaders } from '../task-scope.ts';
import { withDefaults } from '../work-defaults.ts';
import { openConnection } from './connection/connection.ts';
import { createTopology } from './connection/topology.ts';
import { answered } from './connection/unavailable.ts';
import { collectRejected } from './dead-letters/rejected.ts';
import { createTaskPublisher } from './publish/publisher.ts';
import { createRabbitmqWorker, type RabbitmqWorker } from './work/worker.ts';

export interface RabbitmqTasksOptions {
  /** How a broker with TLS is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
  /** Opens the database of dead letters, at the first use of them or the first worker. `close` closes it. */
  readonly open: () => Promise<Storage>;
  /** How long redriven and discarded dead letters are kept. Default: 30 days. */
  readonly deadLettersRetentionMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Opens the task queues of a RabbitMQ broker, even while it cannot be reached: calls are UNAVAILABLE until then, and
 * workers begin when it is. `depth` counts what waits in the broker and what workers of this process have in progress.
 * There is one connection to publish and one to consume, because with an alarm RabbitMQ stops reading from publishers
 * and finished tasks could not be acknowledged. `check` rejects while there is an alarm or no connection.
 *
 * RabbitMQ notices by itself when a worker is gone, so `visibilityTimeoutMs` has no effect. By default it closes the
 * channel of a worker that has had a task for 30 minutes.
 */
export async function openRabbitmqTasks(
  url: string,
  { trust, open, deadLettersRetentionMs, clock, logger }: RabbitmqTasksOptions,
): Promise<TaskQueue> {
  const tools = { clock, logger };
  const [publishing, consuming] = await Promise.all([
    openConnection(url, { ...tools, trust, purpose: 'publishing' }),
    openConnection(url, { ...tools, trust, purpose: 'consuming' }),
  ]);
  const topology = createTopology(consuming, tools);
  const publisher = createTaskPublisher(publishing, { ...tools, topology });
  const deadLetters = openOnUse({
    ...tools,
    open,
    collect: (opened) => collectRejected(consuming, { ...tools, topology, deadLetters: opened }),
    enqueue: (queue, task) => publisher.publish(queue, [task]),
    retentionMs: deadLettersRetentionMs,
  });
  const memory = { done: createRecentStamps(), interrupted: createRecentStamps() };
  const workers = new Set<RabbitmqWorker>();

  const waitingInBroker = async (queue: string, delaysMs: ReadonlySet<number>) => {
    let retried = 0;
    for (const delayMs of delaysMs) retried += await topology.count({ queue, delayMs });
    return { retried, ready: await topology.count({ queue }) };
  };
  /** May miss a task that moves meanwhile. */
  const countOnce = async (queue: string, its: readonly RabbitmqWorker[]): Promise<TaskCounts> => {
    const delaysMs = new Set(its.flatMap((worker) => worker.retryDelaysMs));
    const { retried, ready } = await waitingInBroker(queue, delaysMs);
    await Promise.all(its.map((worker) => worker.settled()));
    const delayed = Math.max(
      retried,
      sum(its, (worker) => worker.waiting()),
    );
    return { ready, delayed, running: sum(its, (worker) => worker.inHand()) };
  };
  const count = async (queue: string) => {
    const its = [...workers].filter((worker) => worker.queue === queue);
    const moves = () => sum(its, (worker) => worker.moves());
    for (;;) {
      const before = moves();
      const counts = await countOnce(queue, its);
      if (depthOf(counts) > 0 || moves() === before) return counts;
    }
  };
  return {
    enqueue: (queue, tasks) => publisher.publish(queue, tasks.map(withScopeHeaders)),
    async work(options) {
      await deadLetters.open();
      const settings = withDefaults(options);
      const context = { settings, publisher, deadLetters, ...memory, clock, logger };
      const worker = createRabbitmqWorker(consuming, topology, context);
      workers.add(worker);
      return {
        async stop(graceMs) {
          workers.delete(worker);
          await worker.stop(graceMs);
        },
      };
    },
    depth: async (queue) => depthOf(await answered(clock, count(queue))),
    count: (queue) => answered(clock, count(queue)),
    deadLetters: deadLetters.queue,
    hasOpenDeadLetters: deadLetters.isOpen,
    async check() {
      for (const worker of workers) await worker.check();
      await publisher.check();
      await topology.check();
      await deadLetters.check();
    },
    async close() {
      await Promise.all([...workers].map((worker) => worker.stop()));
      await Promise.all([deadLetters.stop(), publisher.close()]);
      await Promise.all([publishing.close(), consuming.close()]);
      await deadLetters.close();
    },
  };
}

function depthOf({ ready, running, delayed }: TaskCounts): number {
  return ready + running + delayed;
}

function sum<T>(of: readonly T[], measure: (one: T) => number): number {
  return of.reduce((total, one) => total + measure(one), 0);
}
