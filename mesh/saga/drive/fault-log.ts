import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';

/** Logs what is broken until somebody fixes it, without a line for each time that it shows. */
export interface FaultLog {
  /** Logs the first fault of a kind, then one after 1 s, 2 s, ... 5 min, with how many others there were (`left_out`). */
  error(kind: string, fields: Readonly<Record<string, unknown>>, message: string): void;
}

const firstGapMs = 1_000;
const longestGapMs = 300_000;

interface Seen {
  readonly loggedMs: number;
  readonly gapMs: number;
  readonly leftOut: number;
}

/** Makes a log of faults. The kinds are few: each is remembered. */
export function createFaultLog(logger: Logger, clock: Clock): FaultLog {
  const seenByKind = new Map<string, Seen>();
  return {
    error(kind, fields, message) {
      const nowMs = clock.elapsedMs();
      const seen = seenByKind.get(kind);
      const sinceMs = seen ? nowMs - seen.loggedMs : Number.POSITIVE_INFINITY;
      if (seen && sinceMs < seen.gapMs) {
        seenByKind.set(kind, { ...seen, leftOut: seen.leftOut + 1 });
        return;
      }
      const gapMs = seen && sinceMs < 2 * longestGapMs ? Math.min(seen.gapMs * 2, longestGapMs) : firstGapMs;
      seenByKind.set(kind, { loggedMs: nowMs, gapMs, leftOut: 0 });
      logger.error(seen?.leftOut ? { ...fields, left_out: seen.leftOut } : fields, message);
    },
  };
}
