import type { Clock } from '../time/clock.ts';
import { within } from '../time/within.ts';

export interface ProbeOptions {
  readonly clock: Clock;
  /** What takes longer has failed: a question that hangs tells as much as one that is refused. */
  readonly timeoutMs: number;
  /** Called when it begins to fail, with why; not again while it goes on. */
  readonly onFailure: (error: unknown) => void;
  /** Called when it works again. */
  readonly onRecovery: () => void;
}

/** Makes a question that can be asked over and over. It resolves with the answer, or `undefined` when there is none. */
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
