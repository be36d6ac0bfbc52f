import type { Clock } from '../../../time/clock.ts';

/** Checks that a process can use the cluster. */
export interface LogCheck {
  /** Records a topic that this process needs. */
  need(topic: string): void;
  /** Records the outcome of a publish. */
  publishing<T>(outcome: Promise<T>): Promise<T>;
  /** Rejects while the cluster does not answer, a topic or the leader of a partition is missing, or events are not accepted. */
  check(): Promise<void>;
}

export interface LogCheckOptions {
  /** Checks that the cluster answers. */
  readonly ask: () => Promise<unknown>;
  /** Rejects if a topic is missing or a partition has no leader. */
  readonly askForTopic: (topic: string) => Promise<unknown>;
  /** Whether an error means that the cluster accepts nothing, and not that it refuses one event. */
  readonly isOutage: (error: unknown) => boolean;
  readonly clock: Clock;
}

/**
 * How long a failed publish counts. Outboxes retry every few seconds, so a lasting fault is recorded again, and a past
 * one is not reported forever if nothing is published.
 */
const failureCountsForMs = 30_000;

/** Creates the check of a process that needs no topic yet. It publishes nothing: the outcome of the last publish is enough. */
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
