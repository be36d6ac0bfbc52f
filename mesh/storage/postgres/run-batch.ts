import type { Connection } from './connection.ts';
import { connectError, mayRunAgain } from './errors.ts';
import type { LaneMember } from './lane-member.ts';
import type { LaneQueue } from './lane-queue.ts';
import type { Failed } from './run-work.ts';
import { begin, commit, rollback } from './transaction-control.ts';

/** One that is to run again from its start. */
export interface Unfinished {
  readonly member: LaneMember;
  /** What the engine said to the loser of a race; without it the member was undone for another's sake. */
  readonly lostRace?: unknown;
}

// PostgreSQL keeps 64 savepoints of a transaction at hand; with more, every reader of its rows has to look on the disk.
const maxMembers = 64;

/**
 * Runs those who wait in one transaction, answers them, and returns those that are to run again. Throws UNAVAILABLE
 * `STORAGE_UNAVAILABLE` when the transaction cannot begin: then nobody was taken from the queue.
 */
export async function runBatch(connection: Connection, queue: LaneQueue, server: string): Promise<Unfinished[]> {
  const size = Math.min(queue.size(), maxMembers);
  return size > 1 ? runShared(connection, queue, server, size) : runAlone(connection, queue, server);
}

async function runAlone(connection: Connection, queue: LaneQueue, server: string): Promise<Unfinished[]> {
  await begin(connection, server);
  const member = queue.take();
  const failed = await member?.run(connection);
  if (member !== undefined && failed === undefined) return answer(member, await commit(connection, server));
  await rollback(connection);
  return member === undefined ? [] : answer(member, failed);
}

/** Each in a savepoint of its own: one that fails is undone alone. */
async function runShared(
  connection: Connection,
  queue: LaneQueue,
  server: string,
  size: number,
): Promise<Unfinished[]> {
  await begin(connection, server, 'BEGIN; SAVEPOINT member');
  const done: LaneMember[] = [];
  const unfinished: Unfinished[] = [];
  for (let count = 0; count < size; count += 1) {
    const member = queue.take();
    if (member === undefined) break;
    const failed = await member.run(connection);
    if (failed === undefined) done.push(member);
    const isLast = count === size - 1;
    const fault = failed === undefined && isLast ? undefined : await separate(connection, failed);
    if (failed !== undefined) unfinished.push(...answer(member, failed));
    if (fault !== undefined) return [...unfinished, ...lose(done, member, connectError(fault, server))];
    // The commit lets go of what others wait for; after a cancellation nobody else's statement shall be hit by it.
    if (mayRunAgain(failed?.engineError) || connection.isSpent()) break;
  }
  if (done.length === 0) {
    await rollback(connection);
    return unfinished;
  }
  const failed = await commit(connection, server);
  return [...unfinished, ...done.flatMap((member) => answer(member, failed))];
}

/** Keeps or undoes what was done since the savepoint, and sets it again; returns why the transaction was lost with that. */
async function separate(connection: Connection, failed: Failed | undefined): Promise<unknown> {
  try {
    await connection.script(
      failed === undefined ? 'RELEASE SAVEPOINT member; SAVEPOINT member' : 'ROLLBACK TO SAVEPOINT member',
    );
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Gives a member its answer, unless it is to run again. */
function answer(member: LaneMember, failed: Failed | undefined): Unfinished[] {
  if (mayRunAgain(failed?.engineError)) return [{ member, lostRace: failed?.engineError }];
  if (failed === undefined) member.committed();
  else member.reject(failed.error);
  return [];
}

/** What becomes of those that had run when the connection was lost: its caller may have ended it to cancel `last`. */
function lose(done: readonly LaneMember[], last: LaneMember, error: Error): Unfinished[] {
  if (last.signal?.aborted === true) return done.map((member) => ({ member }));
  for (const member of done) member.reject(error);
  return [];
}
