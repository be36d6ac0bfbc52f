import type { LaneMember } from './lane-member.ts';

/** The transactions that wait in one lane, in the order they came. */
export interface LaneQueue {
  size(): number;
  /** Adds one; when its signal is aborted before it is taken, it leaves with the signal's reason. */
  add(member: LaneMember): void;
  /** Takes the first, which no signal takes out any more. */
  take(): LaneMember | undefined;
}

/** An empty queue. */
export function createLaneQueue(): LaneQueue {
  const leaving = new Map<LaneMember, () => void>();
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
