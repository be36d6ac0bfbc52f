import type { Clock } from '../../time/clock.ts';

/** How late a deadline may be noticed, in milliseconds: calls whose deadlines are this close share a timer. */
const slotMs = 8;

/** Something that has to end by its deadline, in milliseconds since the epoch. */
export interface Expiring {
  readonly deadlineMs: number;
  expire(): void;
}

/** Ends what is still there when its deadline passes. */
export interface Deadlines {
  add(expiring: Expiring): void;
  remove(expiring: Expiring): void;
}

interface Slot {
  readonly members: Set<Expiring>;
  readonly callOff: () => void;
}

/**
 * The deadlines of all calls of a server. Nearly every call ends before its deadline, so a timer for each would be work
 * for nothing: those that fall into the same 8 ms share one.
 */
export function createDeadlines(clock: Clock): Deadlines {
  const slots = new Map<number, Slot>();
  const slotOf = ({ deadlineMs }: Expiring) => Math.floor(deadlineMs / slotMs);

  function open(slot: number): Slot {
    const members = new Set<Expiring>();
    const callOff = clock.after(Math.max(0, (slot + 1) * slotMs - clock.now()), () => {
      slots.delete(slot);
      for (const expiring of members) expiring.expire();
    });
    const opened = { members, callOff };
    slots.set(slot, opened);
    return opened;
  }

  return {
    add(expiring) {
      const slot = slotOf(expiring);
      (slots.get(slot) ?? open(slot)).members.add(expiring);
    },
    remove(expiring) {
      const slot = slots.get(slotOf(expiring));
      if (!slot?.members.delete(expiring) || slot.members.size > 0) return;
      slot.callOff();
      slots.delete(slotOf(expiring));
    },
  };
}
