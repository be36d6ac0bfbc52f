import { Status } from 'nice-grpc-common';
import { MeshError } from '../../errors/mesh-error.ts';
import { storageCorrupt } from '../../storage/errors.ts';
import { openStorage } from '../../storage/open.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import { taskDamaged, tasksUnavailable } from '../errors.ts';
import type { TaskQueue } from '../task-queue.ts';
import { withScopeHeaders } from '../task-scope.ts';
import { withDefaults } from '../work-defaults.ts';
import { compareTasks, listDamaged, prepareTasks } from './damaged-tasks.ts';
import { createTaskStore, type Seats, type TaskStore } from './task-store.ts';
import { createWorker, type EmbeddedWorker } from './worker.ts';

export interface EmbeddedTasksOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long redriven and discarded dead letters are kept. Default: 30 days. */
  readonly deadLettersRetentionMs?: number;
  /** Opens the database of the queue. Default: `openStorage`, for this process alone. */
  readonly open?: (url: string) => Promise<Storage>;
}

/**
 * Opens a task queue in a SQLite file that only this process uses, so tasks of an earlier process are available
 * immediately. Workers are woken by changes and by the clock. An idle queue costs nothing.
 */
export async function openEmbeddedTasks(
  path: string,
  {
    clock,
    logger,
    deadLettersRetentionMs,
    open = (url) => openStorage(url, { exclusive: true }),
  }: EmbeddedTasksOptions,
): Promise<TaskQueue> {
  const storage = await open(`sqlite:${path}`);
  const workers = new Map<EmbeddedWorker, string>();
  const wakeWorkers = (queue: string) => {
    for (const [worker, itsQueue] of workers) if (itsQueue === queue) worker.wake();
  };
  /** Of one worker: what it has no room for is left to all of them. */
  const reserve = (queue: string, wanted: number): Seats | undefined => {
    for (const [worker, itsQueue] of workers) {
      const seats = itsQueue === queue ? worker.reserve(wanted) : undefined;
      if (seats) return seats;
    }
    return undefined;
  };
  const store = await openStore();
  const left = await store.depths();
  if (Object.keys(left).length > 0) logger.info({ queues: left }, 'task queue resumes tasks of an earlier run');
  const closing = new AbortController();
  const purging = store.purge(logger, closing.signal);
  async function openStore(): Promise<TaskStore> {
    try {
      await prepareTasks(storage, path);
      return await createTaskStore(storage, clock, wakeWorkers, deadLettersRetentionMs);
    } catch (error) {
      await storage.close();
      throw error;
    }
  }
  return {
    enqueue: (queue, tasks) => reachable(store.add(queue, tasks.map(withScopeHeaders), reserve(queue, tasks.length))),
    async work(options) {
      await reachable(storage.check());
      const settings = withDefaults(options);
      const worker = createWorker({ store, settings, clock, logger });
      workers.set(worker, settings.queue);
      worker.wake();
      return {
        async stop(graceMs) {
          workers.delete(worker);
          await worker.stop(graceMs);
        },
      };
    },
    depth: (queue) => reachable(store.depth(queue)),
    count: (queue) => reachable(store.count(queue)),
    overdueMs: (queue) => reachable(store.overdueMs(queue)),
    deadLetters: store.deadLetters,
    check: () =>
      reachable(
        (async () => {
          await storage.check();
          const [damaged] = await listDamaged(storage);
          if (damaged) throw taskDamaged({ ...damaged, file: path });
        })(),
      ),
    async *searchDamage(examined) {
      yield* storage.searchDamage?.(() => undefined, ['queued_task']) ?? [];
      try {
        await compareTasks(storage, examined);
      } catch (error) {
        if (!storageCorrupt.is(error)) throw error;
        yield error;
      }
      for (const task of await listDamaged(storage)) yield taskDamaged({ ...task, file: path });
    },
    async close() {
      closing.abort();
      await Promise.all([purging, ...[...workers.keys()].map((worker) => worker.stop())]);
      workers.clear();
      await storage.close();
    },
  };
}

async function reachable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof MeshError) || error.code !== Status.UNAVAILABLE) throw error;
    throw tasksUnavailable({ problem: error.message }, { cause: error });
  }
}
