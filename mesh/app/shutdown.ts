import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';

/**
 * The order in which a process ends: background work, which still makes and serves calls; then calls in progress; then what
 * both depend on. The parts of a stage end in parallel.
 */
const stages = ['work', 'calls', 'resources'] as const;
export type Stage = (typeof stages)[number];

/** Ends a part of the process, within `graceMs` for work in progress and a little more. */
export type End = (graceMs: number) => Promise<void> | void;

/** A part that did not end: with its error, or without one if it hangs. */
export interface Unended {
  readonly part: string;
  readonly error?: unknown;
}

/** Ends the parts of a process, within its grace + 3 s (three stages, a second each), even if some hang. */
export interface Shutdown {
  /** Adds a part to end. The log calls it `name`. */
  add(stage: Stage, name: string, end: End): void;
  /**
   * Ends all parts. Resolves with those that failed or did not end in time, which are also logged. The grace began at
   * `startMs` of the clock's elapsed time. Default: now.
   */
  run(startMs?: number): Promise<readonly Unended[]>;
}

export interface ShutdownOptions {
  /** How long work and calls may continue, together. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a stage may take in addition to its grace, at the end of which its parts break off by themselves. */
const slackMs = 1_000;

/** What hanging work leaves to calls in progress, or half of the grace if that is less. */
const callsReserveMs = 5_000;

/** Creates a shutdown without parts. */
export function createShutdown({ graceMs, clock, logger }: ShutdownOptions): Shutdown {
  const parts: { readonly stage: Stage; readonly name: string; readonly end: End }[] = [];

  /** Ends a part. If it does not end, logs why and resolves with it. */
  async function endPart(name: string, end: End, grace: number): Promise<Unended | undefined> {
    const limit = Promise.withResolvers<'late'>();
    const cancel = clock.after(grace + slackMs, () => limit.resolve('late'));
    try {
      const outcome = await Promise.race([(async () => end(grace))(), limit.promise]);
      if (outcome !== 'late') return undefined;
      logger.error(
        { part: name, waited_ms: Math.round(grace + slackMs) },
        'part did not end in time; ending without it',
      );
      return { part: name };
    } catch (error) {
      logger.error({ part: name, err: error }, 'part did not end cleanly');
      return { part: name, error };
    } finally {
      cancel();
    }
  }

  return {
    add: (stage, name, end) => parts.push({ stage, name, end }),
    async run(startMs = clock.elapsedMs()) {
      const leftMs = () => Math.max(0, startMs + graceMs - clock.elapsedMs());
      const graceOf: Readonly<Record<Stage, () => number>> = {
        work: () => Math.max(0, leftMs() - Math.min(callsReserveMs, graceMs / 2)),
        calls: leftMs,
        resources: () => 0,
      };
      const failed: Unended[] = [];
      for (const stage of stages) {
        const grace = graceOf[stage]();
        const ending = parts.filter((part) => part.stage === stage).toReversed();
        const unended = await Promise.all(ending.map(({ name, end }) => endPart(name, end, grace)));
        failed.push(...unended.filter((part) => part !== undefined));
      }
      return failed;
    },
  };
}
