import type { ServerTrust } from '../../config/server-trust.ts';
import type { SqsTarget } from '../../config/sqs-url.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { openOnUse } from '../brokered/dead-letters/open-on-use.ts';
import type { TaskDeadLetters } from '../brokered/dead-letters/task-dead-letters.ts';
import { createRecentStamps } from '../brokered/recent-stamps.ts';
import type { TaskQueue } from '../task-queue.ts';
import { withScopeHeaders } from '../task-scope.ts';
import { withDefaults } from '../work-defaults.ts';
import { createSqsCalls } from './connection/calls.ts';
import { loadSqsClient } from './connection/load-client.ts';
import { createSqsQueues } from './connection/queues.ts';
import { collectMoved } from './dead-letters/collect-moved.ts';
import { createSqsPublisher } from './publisher.ts';
import { createSqsWorker, type SqsWorker } from './work/worker.ts';

export interface SqsTasksOptions {
  /** How an `endpoint` with TLS is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
  /** Opens the database of dead letters, at the first use of them or the first worker. `close` closes it. */
  readonly open: () => Promise<Storage>;
  /** How long redriven and discarded dead letters are kept. Default: 30 days. */
  readonly deadLettersRetentionMs?: number;
  /** How long SQS waits for a message before it answers without, in whole seconds. Default and longest: 20. */
  readonly longPollS?: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

const defaultLongPollS = 20;

/**
 * Opens the task queues of Amazon SQS, even while it cannot be reached: calls are UNAVAILABLE until then, and workers begin
 * when it is. Its standard queues deliver at least once: a task may be done twice. Throws `TASKS_MISCONFIGURED` if the
 * client is not installed.
 *
 * A task that waits for its next attempt is sent again, with what is known of it, and the message before is deleted. So SQS
 * counts only the receives without an outcome, and moves a message to the dead letter queue after three of those.
 */
export async function openSqsTasks(
  target: SqsTarget,
  { trust, open, deadLettersRetentionMs, longPollS = defaultLongPollS, clock, logger }: SqsTasksOptions,
): Promise<TaskQueue> {
  const tools = { clock, logger };
  const calls = createSqsCalls(await loadSqsClient(), { ...tools, target, trust });
  const queues = createSqsQueues({ ...tools, target, calls });
  const publisher = createSqsPublisher(calls, queues, clock);
  const worked = new Set<string>();
  const collecting = new Map<string, () => Promise<void>>();
  let opened: TaskDeadLetters | undefined;
  const collectAll = () => {
    for (const queue of worked) {
      if (!opened || collecting.has(queue)) continue;
      collecting.set(queue, collectMoved({ ...tools, queue, queues, calls, deadLetters: opened, longPollS }));
    }
  };
  const deadLetters = openOnUse({
    ...tools,
    open,
    collect(letters) {
      opened = letters;
      collectAll();
      return { close: async () => void (await Promise.all([...collecting.values()].map((end) => end()))) };
    },
    enqueue: (queue, task) => publisher.publish(queue, [task]),
    retentionMs: deadLettersRetentionMs,
  });
  const memory = { done: createRecentStamps(), interrupted: createRecentStamps() };
  const workers = new Set<SqsWorker>();
  return {
    enqueue: (queue, tasks) => publisher.publish(queue, tasks.map(withScopeHeaders)),
    async work(options) {
      await deadLetters.open();
      const settings = withDefaults(options);
      const context = { ...tools, ...memory, calls, publisher, settings, deadLetters };
      const worker = createSqsWorker(queues, context, longPollS);
      worked.add(settings.queue);
      collectAll();
      workers.add(worker);
      return {
        async stop(graceMs) {
          workers.delete(worker);
          await worker.stop(graceMs);
        },
      };
    },
    async depth(queue) {
      const { ready, running, delayed } = await queues.count(queue);
      return ready + running + delayed;
    },
    count: queues.count,
    deadLetters: deadLetters.queue,
    hasOpenDeadLetters: deadLetters.isOpen,
    async check() {
      for (const worker of workers) await worker.check();
      await queues.check();
      await deadLetters.check();
    },
    async close() {
      await Promise.all([...workers].map((worker) => worker.stop()));
      await deadLetters.stop();
      await deadLetters.close();
      calls.close();
    },
  };
}
