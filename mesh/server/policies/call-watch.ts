import { type ServerError, Status } from 'nice-grpc-common';
import { type RequestFault, requestFaultOf } from '../../engines/request-fault.ts';
import { deadlineExceeded } from '../../errors/errors.ts';
import type { MeshError } from '../../errors/mesh-error.ts';
import { toPublicError } from '../../errors/public-error.ts';
import { tokenExpired } from '../../security/authorization/errors.ts';
import { runInScope } from '../../telemetry/call-scope.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../../time/clock.ts';
import type { Timed, TimerWheel, WheelTimer } from '../../time/timer-wheel.ts';
import { type HandlerContext, timerSlackMs } from '../handler-context.ts';
import type { AccessLog } from './access-log.ts';

export interface WatchTools {
  /** Ends calls at their deadlines: the caller's or the method's default, until the handler has ended. */
  readonly timers: TimerWheel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly accessLog: AccessLog;
}

/**
 * Watches one call from its start to its end: ends it at its deadline, even if the handler ignores its signal, turns its
 * error into what the caller may see, and writes its line of the access log, once.
 */
export class CallWatch implements Timed {
  readonly #call: HandlerContext;
  readonly #tools: WatchTools;
  readonly #timer: WheelTimer | undefined;
  #tokenTimer: WheelTimer | undefined;
  #ended = false;

  constructor(call: HandlerContext, tools: WatchTools) {
    this.#call = call;
    this.#tools = tools;
    // The call has just started: nothing needs to read the time again.
    if (call.deadlineMs !== undefined) this.#timer = tools.timers.after(call.deadlineMs - call.startMs, this);
  }

  get #expired(): boolean {
    return this.#call.remainingMs() <= timerSlackMs;
  }

  succeeded(): void {
    this.#end(Status.OK);
  }

  /** The call ended without its response: its caller cancelled it, its deadline passed, or its requests have a fault. */
  cancelled(): void {
    const fault = this.#call.requestFault;
    if (fault !== undefined) this.#end(fault.code, undefined, fault);
    else this.#end(this.#expired ? Status.DEADLINE_EXCEEDED : Status.CANCELLED);
  }

  /** Returns the error for the caller. */
  failed(error: unknown): MeshError | ServerError {
    const { path, requestId } = this.#call;
    const publicError = toPublicError(error, { path, requestId, expired: this.#expired }, this.#tools.logger);
    const fault = this.#call.requestFault ?? requestFaultOf(error);
    // An unexpected error is already logged.
    if (fault === undefined) this.#end(publicError.code, publicError === error ? error : undefined);
    else this.#end(fault.code, undefined, fault);
    return publicError;
  }

  /** Ends the call when the token of its caller expires, unless its deadline is before that. */
  endWithToken(expiresMs: number): void {
    const { deadlineMs, path } = this.#call;
    if (this.#ended || (deadlineMs !== undefined && deadlineMs <= expiresMs)) return;
    const onTimeout = () => this.#endBy(tokenExpired({ path }));
    this.#tokenTimer = this.#tools.timers.after(expiresMs - this.#tools.clock.now(), { onTimeout });
  }

  onTimeout(): void {
    this.#endBy(deadlineExceeded({ path: this.#call.path }));
  }

  /** Runs outside the scope of the call, which is therefore set. */
  #endBy(error: MeshError): void {
    runInScope(this.#call, () => {
      this.#end(error.code);
      this.#call.fail(error);
    });
  }

  #end(code: Status, error?: unknown, fault?: RequestFault): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#tokenTimer?.cancel();
    this.#tools.accessLog(this.#call, code, error, fault);
  }
}
