import type { Logger } from '../telemetry/logger.ts';
import type { Clock } from '../time/clock.ts';

/**
 * In this order a process ends: background work, which still makes calls and serves them; then the calls under way; then
 * what both depend on. What is in one stage ends side by side.
 */
const stages = ['work', 'calls', 'resources'] as const;
export type Stage = (typeof stages)[number];

/** Ends a part of the process. It may take `graceMs` for what is under way, and little more for itself. */
export type End = (graceMs: number) => Promise<void> | void;

/** A part that did not end, with what it failed with; without that it hangs. */
export interface Unended {
  readonly part: string;
  readonly error?: unknown;
}

/** Ends what a process holds within its grace and 3 s (three stages, a second each), whatever of it hangs. */
export interface Shutdown {
  /** Adds a part that has to end. `name` is for the log. */
  add(stage: Stage, name: string, end: End): void;
  /** Ends all parts and resolves with those that failed or did not end in time; the log says so as well. */
  run(): Promise<readonly Unended[]>;
}

export interface ShutdownOptions {
  /** How long work and calls may go on, both together. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What a stage may take beyond its grace: at the end of it a part has to break off by itself. */
const slackMs = 1_000;

/** Work that hangs leaves the calls under way so much, or half of the grace where that is less. */
const callsReserveMs = 5_000;

/** Makes the shutdown of a process that holds nothing yet. */
export function createShutdown({ graceMs, clock, logger }: ShutdownOptions): Shutdown {
  const parts: { readonly stage: Stage; readonly name: string; readonly end: End }[] = [];

  /** Ends a part; resolves with it, and logs why, when it did not end. */
  async function endPart(name: string, end: End, grace: number): Promise<Unended | undefined> {
    const limit = Promise.withResolvers<'late'>();
    const callOff = clock.after(grace + slackMs, () => limit.resolve('late'));
    try {
      const outcome = await Promise.race([(async () => end(grace))(), limit.promise]);
      if (outcome !== 'late') return undefined;
      logger.error({ part: name, waited_ms: grace + slackMs }, 'did not end in time: the process ends without it');
      return { part: name };
    } catch (error) {
      logger.error({ part: name, err: error }, 'did not end cleanly');
      return { part: name, error };
    } finally {
      callOff();
    }
  }

  return {
    add: (stage, name, end) => parts.push({ stage, name, end }),
    async run() {
      const startMs = clock.elapsedMs();
      const leftMs = () => Math.max(0, startMs + graceMs - clock.elapsedMs());
      const graceOf: Readonly<Record<Stage, () => number>> = {
        work: () => graceMs - Math.min(callsReserveMs, graceMs / 2),
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
