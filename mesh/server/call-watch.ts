import { type ServerError, Status } from 'nice-grpc-common';
import { deadlineExceeded, type MeshError } from '../errors/mesh-error.ts';
import { toPublicError } from '../errors/public-error.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AccessLog } from './access-log.ts';
import type { ServerCall } from './server-call.ts';

/** What the watch over a call needs; one for the whole server. */
export interface WatchTools {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly accessLog: AccessLog;
}

// A timer may fire this much before the clock shows its time.
const timerSlackMs = 5;

/**
 * Watches over one call from its start to its end: ends it when its deadline passes, even when the handler does not
 * heed its signal, makes of its error what the caller may know, and writes its line of the access log, once.
 */
export class CallWatch {
  readonly #call: ServerCall;
  readonly #tools: WatchTools;
  readonly #stopTimer: (() => void) | undefined;
  #ended = false;

  constructor(call: ServerCall, tools: WatchTools) {
    this.#call = call;
    this.#tools = tools;
    if (call.deadlineMs !== undefined) this.#stopTimer = tools.clock.after(call.remainingMs(), () => this.#expire());
  }

  get #expired(): boolean {
    return this.#call.remainingMs() <= timerSlackMs;
  }

  succeeded(): void {
    this.#end(Status.OK);
  }

  /** For a call that its caller gave up. */
  cancelled(): void {
    this.#end(this.#expired ? Status.DEADLINE_EXCEEDED : Status.CANCELLED);
  }

  /** Returns what the caller is told. */
  failed(error: unknown): MeshError | ServerError {
    const { path, requestId } = this.#call;
    const publicError = toPublicError(error, { path, requestId, expired: this.#expired }, this.#tools.logger);
    // What was not expected has been logged by now.
    this.#end(publicError.code, publicError === error ? error : undefined);
    return publicError;
  }

  #expire(): void {
    const error = deadlineExceeded(this.#call.path);
    this.#end(error.code);
    this.#call.fail(error);
  }

  #end(code: Status, error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stopTimer?.();
    this.#tools.accessLog(this.#call, code, error);
  }
}
