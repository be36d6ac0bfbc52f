import type { IncomingHttpHeaders } from 'node:http';
import type { CallEndListener } from '../engines/engine.ts';
import { requestIdKey, requestIdOf } from '../engines/request-id.ts';
import { cancelled, deadlineExceeded } from '../errors/errors.ts';
import type { Caller } from '../identity/caller.ts';
import { tokenExpired } from '../security/authorization/errors.ts';
import type { EnteringCall } from '../server/policies/admission/admission.ts';
import { requestsUntilExpiry } from '../server/policies/requests-until-expiry.ts';
import type { CallScope, PassedOnCall } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Clock } from '../time/clock.ts';
import type { Timed, TimerWheel, WheelTimer } from '../time/timer-wheel.ts';
import type { CallableMethod } from './method-calls.ts';

/** What a call has to know of its method. */
type CalledMethod = Pick<CallableMethod, 'path' | 'contract' | 'endsWithToken'>;

export interface HttpCallTools {
  readonly clock: Clock;
  readonly timers: TimerWheel;
}

/** The parts of an HTTP request that a call takes over. */
export interface HttpCallHead {
  readonly headers: IncomingHttpHeaders;
  /** The address of the caller, without its port: all its connections wait in one line. */
  readonly peer: string;
}

/**
 * One HTTP request on its way through the edge: its identity, its end, and its wait for admission. Everything that is called for
 * it runs in its scope, so calls of services get its request id, trace, deadline and cancellation.
 */
export class HttpCall implements CallScope, EnteringCall, Timed {
  readonly requestId: string;
  readonly traceparent: string;
  readonly peer: string;
  readonly startMs = performance.now();
  /** The method that it calls: `/user.v1.UserService/GetUser`. Empty until it is known. */
  path = '';
  /** The contract of the method; empty until it is known. */
  contract = '';
  requestBytes = 0;
  deadlineMs: number | undefined;
  /** Who sends it; `undefined` if requests are not authenticated. */
  caller: Caller | undefined;
  passedOn: PassedOnCall | undefined;
  readonly #tools: HttpCallTools;
  #abort: AbortController | undefined;
  #listener: CallEndListener | undefined;
  #timer: WheelTimer | undefined;
  #tokenTimer: WheelTimer | undefined;
  #endsWithToken = false;
  #isOver = false;
  #endedBy: unknown;
  #isClosed = false;

  constructor({ headers, peer }: HttpCallHead, tools: HttpCallTools) {
    const { [requestIdKey]: requestId, traceparent } = headers;
    this.requestId = requestIdOf(typeof requestId === 'string' ? requestId : undefined);
    this.traceparent = continueTrace(typeof traceparent === 'string' ? traceparent : undefined);
    this.peer = peer;
    this.#tools = tools;
  }

  /** Makes it a call of a method that may take `timeoutMs`. */
  callMethod({ path, contract, endsWithToken }: CalledMethod, timeoutMs: number | undefined): void {
    this.path = path;
    this.contract = contract;
    this.#endsWithToken = endsWithToken;
    this.deadlineMs = timeoutMs === undefined ? undefined : this.#tools.clock.now() + timeoutMs;
  }

  /** Makes it a call of this caller, which services learn. A stream ends when the token of the caller expires. */
  identified(caller: Caller, authorization: string | undefined): void {
    this.caller = caller;
    this.passedOn = { authorization };
    // Its client may have left during the verification.
    const hasLeft = this.#isOver || this.#isClosed;
    if (caller.expiresMs === undefined || !this.#endsWithToken || hasLeft) return;
    const onTimeout = () => this.end(tokenExpired({ path: this.path }));
    this.#tokenTimer = this.#tools.timers.after(caller.expiresMs - this.#tools.clock.now(), { onTimeout });
  }

  /** The requests of a change that come before the token of the caller expires. */
  permitted<Request>(requests: AsyncIterable<Request>): AsyncIterable<Request> {
    const expiresMs = this.#endsWithToken ? undefined : this.caller?.expiresMs;
    return expiresMs === undefined ? requests : requestsUntilExpiry(requests, expiresMs, this.#tools);
  }

  /** Its answer was sent, or never will be. */
  close(): void {
    this.#isClosed = true;
    this.#tokenTimer?.cancel();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Aborts when the call ends without its answer: its client left, or the edge ends it. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isOver) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  remainingMs(): number {
    if (this.deadlineMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.deadlineMs - this.#tools.clock.now());
  }

  /** Ends it early: because of `error`, or because its client has left and nobody waits for the answer. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#endedBy = error;
    this.#abort?.abort();
    this.#listener?.abandoned();
  }

  // Called by its admission, while it waits there.

  listenForEnd(listener: CallEndListener | undefined): void {
    this.#listener = listener;
    this.#timer?.cancel();
    this.#timer =
      listener && this.deadlineMs !== undefined ? this.#tools.timers.after(this.remainingMs(), this) : undefined;
  }

  /** Its deadline passed while it waited. Later the client of the mesh ends it. */
  onTimeout(): void {
    this.#listener?.abandoned();
  }

  /** What a failure is to its caller: what was cancelled knows only that it has ended, and not why. */
  failure(error: unknown): unknown {
    if (this.#endedBy !== undefined) return this.#endedBy;
    const isLate = cancelled.is(error) && !this.#isOver && this.remainingMs() === 0;
    return isLate ? deadlineExceeded({ path: this.path }) : error;
  }
}
