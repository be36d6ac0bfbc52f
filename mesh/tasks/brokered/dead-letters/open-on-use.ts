import type { Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { NewTask } from '../../task-queue.ts';
import { createTaskDeadLetters, type TaskDeadLetters } from './task-dead-letters.ts';

export interface OpenOnUseOptions {
  /** Opens the database. */
  readonly open: () => Promise<Storage>;
  /** Lists the tasks that the broker holds as rejected, until it is closed. */
  readonly collect: (deadLetters: TaskDeadLetters) => { close(): Promise<void> };
  readonly enqueue: (queue: string, task: NewTask) => Promise<void>;
  readonly retentionMs: number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The dead letters of a broker's tasks, whose database is opened on first use. */
export interface DeadLettersOnUse extends Pick<TaskDeadLetters, 'add' | 'queue'> {
  isOpen(): boolean;
  /** Opens the database, if it is not open. If that fails, the next use repeats it. */
  open(): Promise<void>;
  /** Rejects while an open database cannot be written. */
  check(): Promise<void>;
  /** Stops collecting and purging. */
  stop(): Promise<void>;
  /** Closes the database; after `stop`. */
  close(): Promise<void>;
}

interface Opened {
  readonly storage: Storage;
  readonly deadLetters: TaskDeadLetters;
  stop(): Promise<void>;
}

/**
 * Keeps a process that only adds tasks from opening a database that it never needs. A process that has it open also collects
 * the tasks that the broker holds as rejected, such as those that workers of other programs rejected, and purges; until one
 * does, the broker keeps them.
 */
export function openOnUse(options: OpenOnUseOptions): DeadLettersOnUse {
  let opened: Opened | undefined;
  let opening: Promise<Opened> | undefined;
  const use = async (): Promise<Opened> => {
    if (opened) return opened;
    opening ??= openAll(options).finally(() => {
      opening = undefined;
    });
    opened = await opening;
    return opened;
  };
  const queue = async () => (await use()).deadLetters.queue;
  return {
    isOpen: () => opened !== undefined,
    open: async () => void (await use()),
    add: async (identity, deadLetter) => (await use()).deadLetters.add(identity, deadLetter),
    queue: {
      async *list(filter, afterId) {
        yield* (await queue()).list(filter, afterId);
      },
      get: async (id) => (await queue()).get(id),
      count: async () => (await queue()).count(),
      redrive: async (id) => (await queue()).redrive(id),
      discard: async (id, note) => (await queue()).discard(id, note),
    },
    check: async () => await opened?.storage.check(),
    async stop() {
      await opening?.catch(() => undefined);
      await opened?.stop();
    },
    close: async () => await opened?.storage.close(),
  };
}

async function openAll(options: OpenOnUseOptions): Promise<Opened> {
  const { open, collect, enqueue, retentionMs, clock, logger } = options;
  const storage = await open();
  try {
    const deadLetters = await createTaskDeadLetters(storage, clock, enqueue, retentionMs);
    const stopping = new AbortController();
    const purging = deadLetters.purge(logger, stopping.signal);
    const collected = collect(deadLetters);
    return {
      storage,
      deadLetters,
      async stop() {
        stopping.abort();
        await Promise.all([collected.close(), purging]);
      },
    };
  } catch (error) {
    await storage.close();
    throw error;
  }
}
