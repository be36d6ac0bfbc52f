import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  /** A longer call counts as failed. */
  readonly timeoutMs: number;
  /** Called with the first of consecutive failures. */
  readonly onFailure: (error: unknown) => void;
  /** Called with the first success after failures. */
  readonly onRecovery: () => void;
}

/** Returns a function that calls `ask` and resolves with its answer, or with `undefined` if it fails. */
export function createProbe<Answer>(
  ask: () => Promise<Answer>,
  { clock, timeoutMs, onFailure, onRecovery }: ProbeOptions,
): () => Promise<Answer | undefined> {
  let failing = false;
  return async () => {
    try {
      const answer = await within(ask(), timeoutMs, clock);
      if (failing) onRecovery();
      failing = false;
      return answer;
    } catch (error) {
      if (!failing) onFailure(error);
      failing = true;
      return undefined;
    }
  };
}
