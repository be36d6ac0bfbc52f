import type { DeadLetter, DeadLetterQueue } from '../../../dead-letters/dead-letters.ts';
import { createDeadLetterStore } from '../../../dead-letters/store.ts';
import { isInfrastructureFault } from '../../../errors/codes.ts';
import { openAgingClock } from '../../../storage/aging/aging-clock.ts';
import type { Migration, Storage } from '../../../storage/storage.ts';
import type { Clock } from '../../../time/clock.ts';
import type { NewTask } from '../../task-queue.ts';

/** The tasks that became dead letters, so that one which is delivered again becomes no second one. */
const buriedMigrations: readonly Migration[] = [
  {
    name: '0001-init',
    sql: `
      CREATE TABLE buried_task (stamp TEXT NOT NULL PRIMARY KEY, time_ms BIGINT NOT NULL);
      CREATE INDEX buried_task_time ON buried_task (time_ms);`,
  },
];

const retentionMs = 7 * 24 * 60 * 60 * 1000;
const maxForgottenPerBurial = 100;

/** A letter as it is written. */
export type NewLetter = Omit<DeadLetter, 'id' | 'source' | 'lastTimeMs'>;

/** The dead letters of a broker's tasks, in a database: a queue cannot be listed without taking from it. */
export interface TaskLetters {
  /**
   * Resolves when the letter is durable; an identity that was buried in the last seven days changes nothing. A letter that the
   * database does not take as it is keeps its bytes and its reason, and loses its headers.
   */
  bury(identity: string, letter: NewLetter): Promise<void>;
  readonly box: DeadLetterQueue;
}

/** Makes the tables. `enqueue` sends a letter that is redriven, before it is taken off the list. */
export async function createTaskLetters(
  storage: Storage,
  clock: Clock,
  enqueue: (queue: string, task: NewTask) => Promise<void>,
): Promise<TaskLetters> {
  const letters = await createDeadLetterStore(storage, { clock });
  await storage.migrate('buried-tasks', buriedMigrations);
  const aging = await openAgingClock(storage, clock);
  const write = (identity: string, letter: NewLetter) =>
    storage.transaction(async (tx) => {
      const agedToMs = aging.nowMs();
      await tx.execute(
        'DELETE FROM buried_task WHERE stamp IN (SELECT stamp FROM buried_task WHERE time_ms < $1 LIMIT $2)',
        [agedToMs - retentionMs, maxForgottenPerBurial],
      );
      const added = await tx.execute(
        'INSERT INTO buried_task (stamp, time_ms) VALUES ($1, $2) ON CONFLICT (stamp) DO NOTHING',
        [identity, agedToMs],
      );
      if (added === 1) await letters.add(tx, { ...letter, source: 'task', lastTimeMs: clock.now() });
    });
  return {
    async bury(identity, letter) {
      try {
        await write(identity, letter);
      } catch (error) {
        if (isInfrastructureFault(error)) throw error;
        // It may be what the letter says that cannot be written, and then it never can.
        const { origin, subjectId, error: text } = letter;
        const bare = { origin: plain(origin), subjectId: plain(subjectId), error: plain(text), headers: {} };
        await write(identity, { ...letter, ...bare });
      }
    },
    box: letters.queue('task', async ({ origin, subjectId, payload, headers }) => {
      await enqueue(origin, { id: subjectId, payload, headers });
      return async () => undefined;
    }),
  };
}

function plain(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 1_000);
}
