import type { AuditCheck, Finding } from '../../audit/audit.ts';
import type { ProjectionAdmin, RebuildProgress, RowDifference } from './projection.ts';

/**
 * A check for each projection, named like it: that it is what its events make of it. It makes it again beside the live one,
 * compares both, and throws the new one away.
 */
export function projectionAudits(names: readonly string[], admin: ProjectionAdmin): AuditCheck[] {
  return names.map((name) => ({
    name,
    async *run(progress, signal) {
      let last: RebuildProgress | undefined;
      for await (const step of admin.rebuild(name, { dryRun: true }, signal)) last = step;
      progress.examined(last?.rowsCompared ?? 0);
      // Rows of a new one that lacks events prove nothing, and to make it again would make them wrong.
      if (last && last.eventsLacking > 0) return yield eventsLacking(name, last.eventsLacking);
      for (const difference of last?.differences ?? []) yield rowDiffers(name, difference);
      const untold = (last?.rowsDifferent ?? 0) - (last?.differences.length ?? 0);
      if (untold > 0) yield moreDiffer(name, untold);
      const view = (await admin.list()).find((known) => known.name === name);
      if (view && view.parkedEvents > 0) yield eventsParked(name, view.parkedEvents);
    },
  }));
}

function rowDiffers(name: string, { key, live, rebuilt }: RowDifference): Finding {
  const [has, should] = [live ?? 'no such row', rebuilt ?? 'no such row'];
  return {
    reason: 'ROW_DIFFERS',
    ids: [key],
    message: `the projection ${name} has for ${key}: ${has}; its events say: ${should}; when no check finds fault with the events themselves, make it again with "make rebuild PROJECTION=${name}"`,
  };
}

function eventsLacking(name: string, count: number): Finding {
  return {
    reason: 'EVENTS_UNREADABLE',
    ids: [name],
    message: `the projection ${name} could not be made again: ${count} events that it has in it cannot be taken any more; mend the events that other checks name, and do not rebuild it before`,
  };
}

function moreDiffer(name: string, count: number): Finding {
  return { reason: 'ROW_DIFFERS', ids: [], message: `the projection ${name} has ${count} more rows that differ` };
}

function eventsParked(name: string, count: number): Finding {
  return {
    reason: 'EVENTS_PARKED',
    ids: [name],
    message: `the projection ${name} has put aside ${count} events that it could not take: look at the dead letters of ${name}`,
  };
}
