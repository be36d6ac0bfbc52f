/** Bounds how much of a target's load may be retries, as gRPC's retry throttling does (gRFC A6). */
export interface RetryBudget {
  /** A try succeeded. */
  succeeded(): void;
  /** A try failed in a way that may be tried again. */
  failed(): void;
  /** Whether more than half of the tokens is left. */
  allowsRetry(): boolean;
}

const maxTokens = 10;
const tokensPerSuccess = 0.1;

/** A full budget: 10 tokens; a failure takes one, a success gives 0.1, and retries stop at half. */
export function createRetryBudget(): RetryBudget {
  let tokens = maxTokens;
  return {
    succeeded() {
      tokens = Math.min(maxTokens, tokens + tokensPerSuccess);
    },
    failed() {
      tokens = Math.max(0, tokens - 1);
    },
    allowsRetry: () => tokens > maxTokens / 2,
  };
}
