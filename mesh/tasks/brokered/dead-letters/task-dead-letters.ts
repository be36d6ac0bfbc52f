import type { DeadLetter, DeadLetterQueue } from '../../../dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../../dead-letters/store.ts';
import { isInfrastructureFault } from '../../../errors/codes.ts';
import { openAgingClock } from '../../../storage/aging/aging-clock.ts';
import { skipLocked } from '../../../storage/skip-locked.ts';
import type { Migration, Storage } from '../../../storage/storage.ts';
import type { Logger } from '../../../telemetry/logger.ts';
import type { Clock } from '../../../time/clock.ts';
import type { NewTask } from '../../task-queue.ts';

/** The tasks that became dead letters, so a task that is delivered again does not become a second one. */
const migrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE buried_task (stamp TEXT NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL);
      CREATE INDEX buried_task_time ON buried_task (time_ms);`,
  },
];

const retentionMs = 7 * 24 * 60 * 60 * 1000;
const maxForgottenPerAdd = 100;

/** A dead letter to write. */
export type NewDeadLetter = Omit<DeadLetter, 'id' | 'source' | 'lastTimeMs'>;

/** The dead letters of a broker's tasks, in a database, because a queue cannot be listed without consuming it. */
export interface TaskDeadLetters {
  /**
   * Resolves when the dead letter is durable. An identity that was added in the last seven days is ignored. A dead
   * letter that the database cannot store keeps its bytes and its reason, and loses its headers.
   */
  add(identity: string, deadLetter: NewDeadLetter): Promise<void>;
  readonly queue: DeadLetterQueue;
  /** Deletes old dead letters that are closed, every hour until `signal` aborts. Resolves then. */
  purge(logger: Logger, signal: AbortSignal): Promise<void>;
}

/** Migrates the tables. `enqueue` sends a redriven task before its dead letter is taken off the list. */
export async function createTaskDeadLetters(
  storage: Storage,
  clock: Clock,
  enqueue: (queue: string, task: NewTask) => Promise<void>,
  closedRetentionMs?: number,
): Promise<TaskDeadLetters> {
  const store = await createDeadLetterStore(storage, { clock, retentionMs: closedRetentionMs });
  await storage.migrate('buried-tasks', migrations);
  const aging = await openAgingClock(storage, clock);
  const write = (identity: string, deadLetter: NewDeadLetter) =>
    storage.transaction(async (tx) => {
      const agedToMs = aging.nowMs();
      await tx.execute(
        `DELETE FROM buried_task WHERE stamp IN (
           SELECT stamp FROM buried_task WHERE time_ms < $1 LIMIT $2 ${skipLocked(tx)})`,
        [agedToMs - retentionMs, maxForgottenPerAdd],
      );
      const added = await tx.execute(
        'INSERT INTO buried_task (stamp, time_ms) VALUES ($1, $2) ON CONFLICT (stamp) DO NOTHING',
        [identity, agedToMs],
      );
      if (added === 1) await store.add(tx, { ...deadLetter, source: 'task', lastTimeMs: clock.now() });
    });
  return {
    async add(identity, deadLetter) {
      try {
        await write(identity, deadLetter);
      } catch (error) {
        if (isInfrastructureFault(error)) throw error;
        // Its texts may be what cannot be stored, and then they never can.
        const { origin, subjectId, error: text } = deadLetter;
        const bare = { origin: plain(origin), subjectId: plain(subjectId), error: plain(text), headers: {} };
        await write(identity, { ...deadLetter, ...bare });
      }
    },
    purge: store.purge,
    queue: store.queue('task', async ({ origin, subjectId, payload, headers }) => {
      await enqueue(origin, { id: subjectId, payload, headers });
      return async () => undefined;
    }),
  };
}

function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000);
}
