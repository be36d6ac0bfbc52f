import { currentScope } from '../../telemetry/call-scope.ts';
import { idempotencyKeyInUse } from './errors.ts';

/** How long a caller should wait before it asks for the answer of a call in progress. */
const retryAfterMs = 1_000;

/**
 * The changes in progress, by user, method and `request_id`: nobody can block the ids of another user. The service runs
 * each once in any case: this answers a repeated request at once, instead of keeping both waiting. Another gateway does
 * not know of the first request, so there a repetition waits for its answer.
 */
export class KeysInUse {
  readonly #keys = new Set<string>();

  /**
   * Runs a change of the caller in scope. Throws ABORTED `IDEMPOTENCY_KEY_IN_USE` while another with the same key runs.
   */
  async run<Answer>(path: string, requestId: string, change: () => Promise<Answer>): Promise<Answer> {
    const key = JSON.stringify([currentScope()?.caller?.subject, path, requestId]);
    if (this.#keys.has(key)) throw idempotencyKeyInUse({ path }, { retryAfterMs });
    this.#keys.add(key);
    try {
      return await change();
    } finally {
      this.#keys.delete(key);
    }
  }
}
