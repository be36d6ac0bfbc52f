import type { Clock } from '../../../time/clock.ts';

/** Whether a process can do with a cluster what it does with it. */
export interface LogCheck {
  /** Notes a topic that this process needs. */
  need(topic: string): void;
  /** Notes how a publishing ends. */
  publishing<T>(outcome: Promise<T>): Promise<T>;
  /** Rejects while the cluster does not answer, lacks a topic or a leader of a partition, or takes no events. */
  check(): Promise<void>;
}

export interface LogCheckOptions {
  /** Asks the cluster whether it is there. */
  readonly ask: () => Promise<unknown>;
  /** Asks it for a topic; rejects when that is missing, or a partition has no leader. */
  readonly askForTopic: (topic: string) => Promise<unknown>;
  /** Whether an error says that the cluster takes nothing, and not that it refuses an event for what it is. */
  readonly isOutage: (error: unknown) => boolean;
  readonly clock: Clock;
}

/**
 * How long it counts that events were not taken. Outboxes retry every few seconds: what lasts is noted again, and what is
 * over is not shown for ever where nobody publishes.
 */
const failureCountsForMs = 30_000;

/** Makes the check of a process that needs no topic yet. It writes no event: how the last ones fared says enough. */
export function createLogCheck({ ask, askForTopic, isOutage, clock }: LogCheckOptions): LogCheck {
  const needed = new Set<string>();
  let failure: { readonly error: unknown; readonly atMs: number } | undefined;
  return {
    need: (topic) => void needed.add(topic),
    async publishing(outcome) {
      try {
        const published = await outcome;
        failure = undefined;
        return published;
      } catch (error) {
        if (isOutage(error)) failure = { error, atMs: clock.elapsedMs() };
        throw error;
      }
    },
    async check() {
      await ask();
      await Promise.all([...needed].map(askForTopic));
      if (failure && clock.elapsedMs() - failure.atMs < failureCountsForMs) throw failure.error;
    },
  };
}
