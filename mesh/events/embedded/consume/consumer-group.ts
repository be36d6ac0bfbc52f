import { logClosed } from '../../errors.ts';
import type { ConsumeOptions, LogConsumer } from '../../log/event-log.ts';
import type { Offsets } from '../file/offsets.ts';
import type { Partition } from '../file/partition.ts';
import { createPump, type Deliver, type Pump, type PumpContext } from './pump.ts';

/** A group of consumers. Each partition of its topics belongs to one member at a time. */
export interface ConsumerGroup {
  /** Resolves when the group's position in each partition is durable. */
  join(options: ConsumeOptions, partitions: readonly Partition[]): Promise<LogConsumer>;
  /** Resolves when the group's position is durable. */
  save(): Promise<void>;
  /** Stops every member. */
  stop(): Promise<void>;
}

interface Member {
  readonly partitions: ReadonlySet<Partition>;
  readonly deliver: Deliver;
  leave(): Promise<void>;
}

/** Creates a group without members. Pumps are shared: a partition moves to another member between two events. */
export function createConsumerGroup(offsets: Offsets, context: PumpContext): ConsumerGroup {
  const members: Member[] = [];
  let stopped = false;
  const pumps = new Map<Partition, Pump>();

  function rebalance(): void {
    let turn = 0;
    for (const [partition, pump] of pumps) {
      const eligible = members.filter((member) => member.partitions.has(partition));
      pump.assign(eligible[turn++ % eligible.length]?.deliver);
    }
  }

  function createMember(options: ConsumeOptions, partitions: readonly Partition[]): Member {
    const stopping = new AbortController();
    const { handle, concurrency = 1 } = options;
    const deliver: Deliver = { handle, concurrency, signal: stopping.signal };
    const member: Member = {
      partitions: new Set(partitions),
      deliver,
      async leave() {
        const index = members.indexOf(member);
        if (index < 0) return;
        members.splice(index, 1);
        rebalance();
        stopping.abort();
        await Promise.all([...pumps.values()].map((pump) => pump.released(deliver)));
      },
    };
    return member;
  }

  return {
    async join(options, partitions) {
      await offsets.begin(partitions, options.start ?? 'beginning');
      if (stopped) throw logClosed();
      for (const partition of partitions) {
        if (!pumps.has(partition)) pumps.set(partition, createPump(partition, offsets, context));
      }
      const member = createMember(options, partitions);
      members.push(member);
      rebalance();
      return {
        async check() {
          for (const { failure } of pumps.values()) if (failure) throw failure;
        },
        stop: member.leave,
      };
    },
    save: offsets.save,
    async stop() {
      stopped = true;
      // A copy, because a leaving member removes itself from the list immediately.
      await Promise.all([...members].map((member) => member.leave()));
      offsets.end();
    },
  };
}
