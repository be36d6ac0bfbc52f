import { type ServerError, Status } from 'nice-grpc-common';
import { deadlineExceeded } from '../../errors/errors.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { toPublicError } from '../../errors/public-error.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { HandlerContext } from '../handler-context.ts';
import type { AccessLog } from './access-log.ts';
import type { Deadlines, Expiring } from './deadlines.ts';

/** What the watch over a call needs; one for the whole server. */
export interface WatchTools {
  readonly deadlines: Deadlines;
  readonly logger: Logger;
  readonly accessLog: AccessLog;
}

// A timer may fire this much before the clock shows its time.
const timerSlackMs = 5;

/**
 * Watches over one call from its start to its end: ends it when its deadline passes, even when the handler does not
 * heed its signal, makes of its error what the caller may know, and writes its line of the access log, once.
 */
export class CallWatch implements Expiring {
  readonly #call: HandlerContext;
  readonly #tools: WatchTools;
  #ended = false;
  /** Infinity for a call without one. */
  readonly deadlineMs: number;

  constructor(call: HandlerContext, tools: WatchTools) {
    this.#call = call;
    this.#tools = tools;
    this.deadlineMs = call.deadlineMs ?? Number.POSITIVE_INFINITY;
    if (call.deadlineMs !== undefined) tools.deadlines.add(this);
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

  /** Another call's timer may bring it here, so the scope has to be set. */
  expire(): void {
    runInScope(this.#call, () => {
      const error = deadlineExceeded({ path: this.#call.path });
      this.#end(error.code);
      this.#call.fail(error);
    });
  }

  #end(code: Status, error?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#call.deadlineMs !== undefined) this.#tools.deadlines.remove(this);
    this.#tools.accessLog(this.#call, code, error);
  }
}
