import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate } from 'node:timers/promises';
import { transactionAwaitedOutside } from '../errors.ts';
import type { Connection } from './connection.ts';
import { connectError, mayRunAgain } from './errors.ts';
import {
  begin,
  commit,
  type DoneWork,
  type FailedWork,
  type PostgresTransaction,
  rollback,
  runAndCommit,
  runWork,
  type TransactionWork,
  type WorkRunner,
  waitBeforeRunningAgain,
} from './transaction.ts';

/** Runs the transactions of a commit group one after another; those that wait at the same time share a commit. */
export interface CommitGroups {
  /** Runs `work` when its turn comes. Resolves once the shared commit is durable. */
  run<T>(group: string, work: TransactionWork<T>, signal: AbortSignal | undefined): Promise<T>;
}

/** One transaction of a group. */
interface Member {
  readonly signal: AbortSignal | undefined;
  /** How often it lost a race. */
  losses: number;
  /** Runs its work in the context of its caller; returns why that cannot be committed, or was not. */
  run(connection: Connection, runner: WorkRunner): Promise<FailedWork | undefined>;
  /** Called when what ran last was committed. */
  committed(): void;
  reject(error: unknown): void;
}

/** A member that has to run again from its start. */
interface Unfinished {
  readonly member: Member;
  /** The error of the engine when the member lost a race; `undefined` when it was undone because of another member. */
  readonly lostRace?: unknown;
}

// PostgreSQL keeps 64 savepoints of a transaction in memory; with more, every reader of its rows has to look on the disk.
const maxMembers = 64;

/** Opens a group for its first member, uses one connection while members wait, and then forgets the group. */
export function createCommitGroups(acquire: () => Promise<Connection>, server: string): CommitGroups {
  const groups = new Map<string, Queue>();

  const enter = (group: string, member: Member): void => {
    const open = groups.get(group);
    const queue = open ?? createQueue();
    queue.add(member);
    if (open !== undefined) return;
    groups.set(group, queue);
    void drive(group, queue);
  };
  const drive = async (group: string, queue: Queue): Promise<void> => {
    while (queue.size() > 0) {
      for (const unfinished of await runNext(queue)) void runAgain(group, unfinished);
    }
    groups.delete(group);
  };
  const runNext = async (queue: Queue): Promise<Unfinished[]> => {
    try {
      const connection = await acquire();
      return await runBatch(connection, queue, server).finally(() => connection.release());
    } catch (error) {
      // The other waiting members would fail in the same way.
      for (let member = queue.take(); member !== undefined; member = queue.take()) member.reject(error);
      return [];
    }
  };
  const runAgain = async (group: string, { member, lostRace }: Unfinished): Promise<void> => {
    try {
      if (lostRace !== undefined) await waitBeforeRunningAgain(lostRace, server, ++member.losses);
      enter(group, member);
    } catch (error) {
      member.reject(error);
    }
  };
  return {
    run: (group, work, signal) =>
      new Promise((resolve, reject) => enter(group, createMember(server, work, signal, { resolve, reject }))),
  };
}

/** The members of a group that wait, in the order in which they came. */
interface Queue {
  size(): number;
  /** Adds a member. If its signal aborts before it is taken, it leaves with the signal's reason. */
  add(member: Member): void;
  /** Takes the first member; its signal no longer removes it. */
  take(): Member | undefined;
}

function createQueue(): Queue {
  const leaving = new Map<Member, () => void>();
  return {
    size: () => leaving.size,
    add(member) {
      const { signal } = member;
      const leave = (): void => {
        leaving.delete(member);
        member.reject(signal?.reason);
      };
      if (signal?.aborted === true) return leave();
      signal?.addEventListener('abort', leave, { once: true });
      leaving.set(member, leave);
    },
    take() {
      const [next] = leaving;
      if (next === undefined) return undefined;
      const [member, leave] = next;
      leaving.delete(member);
      member.signal?.removeEventListener('abort', leave);
      return member;
    },
  };
}

function createMember<T>(
  server: string,
  work: TransactionWork<T>,
  signal: AbortSignal | undefined,
  answered: Pick<PromiseWithResolvers<T>, 'resolve' | 'reject'>,
): Member {
  const inContextOfCaller = AsyncLocalStorage.snapshot();
  const runGuarded = (tx: PostgresTransaction): Promise<T> =>
    Promise.race([inContextOfCaller(work, tx.calls), rejectForeignAwait(tx)]);
  let done: DoneWork<T> | undefined;
  return {
    signal,
    losses: 0,
    async run(connection, runner) {
      const outcome = await runner(connection, server, runGuarded, signal);
      if ('error' in outcome) return outcome;
      done = outcome;
      return undefined;
    },
    committed() {
      if (done === undefined) return;
      done.committed();
      answered.resolve(done.value);
    },
    reject: answered.reject,
  };
}

/**
 * Rejects with `TRANSACTION_AWAITED_OUTSIDE` when no statement has been in progress for a turn of the event loop: what
 * follows a statement is done by then, or it waits for something else.
 */
async function rejectForeignAwait(tx: PostgresTransaction): Promise<never> {
  do {
    await tx.quiet();
    await setImmediate();
  } while (!tx.isQuiet());
  throw transactionAwaitedOutside();
}

/**
 * Runs the waiting members in one transaction, answers them, and returns those that have to run again. Throws UNAVAILABLE
 * `STORAGE_UNAVAILABLE` if the transaction cannot begin; then no member was taken from the queue.
 */
async function runBatch(connection: Connection, queue: Queue, server: string): Promise<Unfinished[]> {
  const size = Math.min(queue.size(), maxMembers);
  return size > 1 ? runShared(connection, queue, server, size) : runAlone(connection, queue, server);
}

async function runAlone(connection: Connection, queue: Queue, server: string): Promise<Unfinished[]> {
  await begin(connection, server);
  const member = queue.take();
  return member === undefined ? [] : answer(member, await member.run(connection, runAndCommit));
}

/** Runs each member in its own savepoint, so one that fails is rolled back alone. */
async function runShared(connection: Connection, queue: Queue, server: string, size: number): Promise<Unfinished[]> {
  await begin(connection, server);
  connection.precede(`SAVEPOINT ${savepoint(0)}`);
  const done: Member[] = [];
  const unfinished: Unfinished[] = [];
  for (let count = 0; count < size; count += 1) {
    const member = queue.take();
    if (member === undefined) break;
    const failed = await member.run(connection, runWork);
    if (failed === undefined) done.push(member);
    const isLast = count === size - 1;
    const fault = failed === undefined && isLast ? undefined : await separate(connection, done.length, failed);
    if (failed !== undefined) unfinished.push(...answer(member, failed));
    if (fault !== undefined) return [...unfinished, ...lose(done, member, failed, connectError(fault, server))];
    // The commit releases the locks that others wait for. After a cancellation, no other member's statement must be hit by it.
    if (mayRunAgain(failed?.engineError) || connection.isSpent()) break;
  }
  if (done.length === 0) {
    await rollback(connection);
    return unfinished;
  }
  const failed = await commit(connection, server);
  return [...unfinished, ...done.flatMap((member) => answer(member, failed))];
}

/** The savepoint of the member before which `done` ones are done. */
function savepoint(done: number): string {
  // Of two names, so that a rollback to one that was not set fails, and does not undo the member before it.
  return `member_${done % 2}`;
}

/**
 * Keeps or undoes what was done since the savepoint, and sets the one of the next member; `done` counts the members that were
 * kept, this one included. Returns the error if that lost the transaction.
 */
async function separate(connection: Connection, done: number, failed: FailedWork | undefined): Promise<unknown> {
  if (failed === undefined) {
    connection.precede(`RELEASE SAVEPOINT ${savepoint(done - 1)}`);
    connection.precede(`SAVEPOINT ${savepoint(done)}`);
    return undefined;
  }
  try {
    await connection.script(`ROLLBACK TO SAVEPOINT ${savepoint(done)}`);
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Answers a member, unless it has to run again. */
function answer(member: Member, failed: FailedWork | undefined): Unfinished[] {
  if (mayRunAgain(failed?.engineError)) return [{ member, lostRace: failed?.engineError }];
  if (failed === undefined) member.committed();
  else member.reject(failed.error);
  return [];
}

/** Handles the members that had run when the transaction was lost, because `last` failed: after a cancellation, or a lost race. */
function lose(done: readonly Member[], last: Member, failed: FailedWork | undefined, error: Error): Unfinished[] {
  if (last.signal?.aborted === true || mayRunAgain(failed?.engineError)) return done.map((member) => ({ member }));
  for (const member of done) member.reject(error);
  return [];
}
