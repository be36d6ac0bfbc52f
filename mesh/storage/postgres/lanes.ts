import type { Connection } from './connection.ts';
import { createLaneMember, type LaneMember } from './lane-member.ts';
import { createLaneQueue, type LaneQueue } from './lane-queue.ts';
import { runBatch, type Unfinished } from './run-batch.ts';
import type { Work } from './run-work.ts';
import { waitBeforeRunningAgain } from './serialization-retry.ts';

/** Transactions that run one after another, lane by lane, and share commits. */
export interface Lanes {
  /** Runs `work` in its turn; resolves once the commit that it shares is durable. */
  run<T>(lane: string, work: Work<T>, signal: AbortSignal | undefined): Promise<T>;
}

/** No lanes so far: each is opened for the first that comes, has one connection while anybody waits, and is forgotten. */
export function createLanes(acquire: () => Promise<Connection>, server: string): Lanes {
  const lanes = new Map<string, LaneQueue>();

  const enter = (lane: string, member: LaneMember): void => {
    const open = lanes.get(lane);
    const queue = open ?? createLaneQueue();
    queue.add(member);
    if (open !== undefined) return;
    lanes.set(lane, queue);
    void drive(lane, queue);
  };
  const drive = async (lane: string, queue: LaneQueue): Promise<void> => {
    while (queue.size() > 0) {
      for (const unfinished of await runNext(queue)) void runAgain(lane, unfinished);
    }
    lanes.delete(lane);
  };
  const runNext = async (queue: LaneQueue): Promise<Unfinished[]> => {
    try {
      const connection = await acquire();
      return await runBatch(connection, queue, server).finally(() => connection.release());
    } catch (error) {
      // Whoever waits would find the same.
      for (let member = queue.take(); member !== undefined; member = queue.take()) member.reject(error);
      return [];
    }
  };
  const runAgain = async (lane: string, { member, lostRace }: Unfinished): Promise<void> => {
    try {
      if (lostRace !== undefined) await waitBeforeRunningAgain(lostRace, server, ++member.losses);
      enter(lane, member);
    } catch (error) {
      member.reject(error);
    }
  };
  return {
    run: (lane, work, signal) =>
      new Promise((resolve, reject) => enter(lane, createLaneMember(server, work, signal, { resolve, reject }))),
  };
}
