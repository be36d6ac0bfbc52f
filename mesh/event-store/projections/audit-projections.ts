import type { AuditCheck, Finding } from '../../audit/audit.ts';
import { withCommandsHere } from '../../errors/commands-here.ts';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import { eventsParked, eventsUnreadable, rebuildRunning, rowDiffers } from '../errors.ts';
import type { ProjectionAdmin, RebuildProgress, RowDifference } from './projection.ts';

/** How long a check waits for a rebuild of its projection, such as that of another audit. */
const maxWaitMs = 30_000;
const retryMs = 250;

/** Returns a check per projection, with its name: a dry-run rebuild compares the projection with its events. */
export function projectionAudits(names: readonly string[], admin: ProjectionAdmin, clock: Clock): AuditCheck[] {
  return names.map((name) => ({
    name,
    async *run(progress, signal) {
      const last = await dryRun(name, admin, clock, signal);
      progress.examined(last?.rowsCompared ?? 0);
      // If events are missing in the rebuilt rows, differences prove nothing, and a rebuild would corrupt the projection.
      if (last && last.eventsLacking > 0) return yield eventsLacking(name, last.eventsLacking);
      for (const difference of last?.differences ?? []) yield rowDiffersFinding(name, difference);
      const unlisted = (last?.rowsDifferent ?? 0) - (last?.differences.length ?? 0);
      if (unlisted > 0) yield moreDiffer(name, unlisted);
      const view = (await admin.list()).find((known) => known.name === name);
      if (view && view.parkedEvents > 0) yield eventsParkedFinding(name, view.parkedEvents);
    },
  }));
}

/** Returns the last step. */
async function dryRun(
  name: string,
  admin: ProjectionAdmin,
  clock: Clock,
  signal: AbortSignal,
): Promise<RebuildProgress | undefined> {
  const untilMs = clock.elapsedMs() + maxWaitMs;
  for (;;) {
    try {
      let last: RebuildProgress | undefined;
      for await (const step of admin.rebuild(name, { dryRun: true }, signal)) last = step;
      return last;
    } catch (error) {
      if (!rebuildRunning.is(error) || clock.elapsedMs() >= untilMs) throw error;
      await sleep(clock, retryMs, signal);
      signal.throwIfAborted();
    }
  }
}

function rowDiffersFinding(name: string, { key, live, rebuilt }: RowDifference): Finding {
  const rebuild = withCommandsHere(`"make rebuild PROJECTION=${name}"`);
  const [found, expected] = [live ?? 'no row', rebuilt ?? 'no row'];
  return {
    reason: rowDiffers.reason,
    ids: [key],
    message: `projection ${name} has ${found} for ${key}, but its events result in ${expected}: if no check reports the events themselves, rebuild it with ${rebuild}`,
  };
}

function eventsLacking(name: string, count: number): Finding {
  return {
    reason: eventsUnreadable.reason,
    ids: [name],
    message: `projection ${name} could not be rebuilt: ${count} events that it includes can no longer be applied; fix the events that other checks report, and do not rebuild it before`,
  };
}

function moreDiffer(name: string, count: number): Finding {
  return { reason: rowDiffers.reason, ids: [], message: `projection ${name} has ${count} more rows that differ` };
}

function eventsParkedFinding(name: string, count: number): Finding {
  return {
    reason: eventsParked.reason,
    ids: [name],
    message: `projection ${name} has parked ${count} events: see the dead letters of ${name}`,
  };
}
