import type { Metadata } from 'nice-grpc-common';
import type { CallEndListener, EngineCall } from '../engines/engine.ts';
import type { RequestFault } from '../engines/request-fault.ts';
import type { MeshError } from '../errors/mesh-error.ts';
import type { Once } from '../idempotency/idempotency.ts';
import type { Caller } from '../identity/caller.ts';
import type { Credentials } from '../security/authenticator.ts';
import { ownerNotChecked, permissionDenied } from '../security/authorization/errors.ts';
import type { Admitted, MethodAccess } from '../security/authorization/method-access.ts';
import { removeIdentity } from '../security/identity/identity-metadata.ts';
import type { CallScope } from '../telemetry/call-scope.ts';
import { continueTrace } from '../telemetry/trace-context.ts';
import type { Clock } from '../time/clock.ts';
import type { AssertOwner, IdleWait, MeshCallContext } from './call-context.ts';
import type { EnteringCall, Place } from './policies/admission/admission.ts';

// A timer may fire this much before the clock shows its time.
export const timerSlackMs = 5;

/**
 * One call in the chain: the context of its handler and the scope of everything that the handler starts. A class with
 * getters, since most calls never read most of it.
 */
export class HandlerContext implements CallScope, MeshCallContext, EnteringCall {
  readonly startMs: number;
  readonly deadlineMs: number | undefined;
  readonly #engineCall: EngineCall;
  readonly #clock: Clock;
  /** The place of a running streaming handler, which gives it back while it is idle. */
  place: Place | undefined;
  /** Set for a handler whose method is idempotent by `request_id`. */
  once: Once<unknown> | undefined;
  /** Whether an earlier call with its `request_id` has its response. */
  isRepeated = false;
  /** Set once the call is authenticated. */
  caller: Caller | undefined;
  #access: MethodAccess | undefined;
  #admitted: Admitted = 'all';
  #isOwnerKnown = true;
  #traceparent: string | undefined;

  constructor(engineCall: EngineCall, timeoutMs: number | undefined, clock: Clock) {
    this.#engineCall = engineCall;
    this.#clock = clock;
    this.startMs = clock.now();
    this.deadlineMs = engineCall.deadlineMs ?? (timeoutMs === undefined ? undefined : this.startMs + timeoutMs);
  }

  get path(): string {
    return this.#engineCall.path;
  }

  get requestId(): string {
    return this.#engineCall.requestId;
  }

  get traceparent(): string {
    this.#traceparent ??= continueTrace(this.#engineCall.textMetadata('traceparent'));
    return this.#traceparent;
  }

  /** What it says about its caller. */
  get credentials(): Credentials {
    return this.#engineCall;
  }

  /** Throws UNAUTHENTICATED or PERMISSION_DENIED if `caller` may not call the method. */
  admit(access: MethodAccess, caller: Caller): void {
    this.caller = caller;
    this.#access = access;
    this.#admitted = access.admit(this, caller);
    this.#isOwnerKnown = !this.mustOwn;
  }

  /** Whether the caller may only have what belongs to it. */
  get mustOwn(): boolean {
    return this.#admitted === 'own';
  }

  /** Whether the caller may call the method because of a role. */
  get isStaff(): boolean {
    return this.#admitted === 'staff';
  }

  /** Whether nothing is left to check of the owner. */
  get isOwnerKnown(): boolean {
    return this.#isOwnerKnown;
  }

  get assertOwner(): AssertOwner {
    return (userId) => this.#assertIs(userId);
  }

  #assertIs(userId: string | undefined): void {
    if (!this.mustOwn || this.#access === undefined || this.caller === undefined) return;
    this.#access.assertIs(this, this.caller, userId);
    this.#isOwnerKnown = true;
  }

  /** Throws PERMISSION_DENIED if the rule names a field of the request that has another owner. */
  assertOwnRequest(request: unknown): void {
    if (this.#access?.owner?.in === 'request') this.#assertIs(this.#access.ownerOf(request));
  }

  /** Whether the rule names a field of the request that has the caller as the owner. */
  ownsRequest(request: unknown): boolean {
    const subject = this.caller?.subject;
    if (this.#access?.owner?.in !== 'request' || !subject) return false;
    return this.#access.ownerOf(request) === subject;
  }

  /** Throws PERMISSION_DENIED or INTERNAL `OWNER_NOT_CHECKED` if a response must not leave. */
  assertOwnResponse(response: unknown): void {
    if (this.#access?.owner?.in === 'response') this.#assertIs(this.#access.ownerOf(response));
    else this.assertOwnerChecked();
  }

  /** Throws INTERNAL `OWNER_NOT_CHECKED` if the handler should have called `assertOwner` by now. */
  assertOwnerChecked(): void {
    if (!this.#isOwnerKnown) throw ownerNotChecked({ path: this.path });
  }

  /** Its response was made for the same caller before. */
  skipOwnerCheck(): void {
    this.#isOwnerKnown = true;
  }

  denial(): MeshError {
    return permissionDenied({ path: this.path, subject: this.caller?.subject, service: this.caller?.service });
  }

  /** Without what says who calls: that is `caller`. */
  get metadata(): Metadata {
    return removeIdentity(this.#engineCall.metadata);
  }

  get peer(): string {
    return this.#engineCall.peer;
  }

  get header(): Metadata {
    return this.#engineCall.header;
  }

  get trailer(): Metadata {
    return this.#engineCall.trailer;
  }

  get signal(): AbortSignal {
    return this.#engineCall.signal;
  }

  get requestCompressed(): boolean | undefined {
    return this.#engineCall.requestCompressed;
  }

  get compressReplies(): boolean {
    return this.#engineCall.compressReplies;
  }

  set compressReplies(compress: boolean) {
    this.#engineCall.compressReplies = compress;
  }

  get requestBytes(): number {
    return this.#engineCall.requestBytes;
  }

  decompressRequest(): Promise<void> | undefined {
    return this.#engineCall.decompressRequest();
  }

  compressResponse(bytes: Uint8Array): Promise<void> | undefined {
    return this.#engineCall.compressResponse(bytes);
  }

  get requestFault(): RequestFault | undefined {
    return this.#engineCall.requestFault;
  }

  get isOver(): boolean {
    return this.#engineCall.isOver;
  }

  listenForEnd(listener: CallEndListener | undefined): void {
    this.#engineCall.listenForEnd(listener);
  }

  get idle(): IdleWait {
    return async (wait) => {
      const { place } = this;
      place?.rest();
      try {
        return await wait();
      } finally {
        const turn = place?.work();
        if (turn !== undefined) await turn;
      }
    };
  }

  sendHeader(): void {
    this.checkMetadata();
    this.#engineCall.sendHeader();
  }

  /** Throws RESOURCE_EXHAUSTED `METADATA_TOO_LARGE` if the caller does not accept the metadata of the response. */
  checkMetadata(): void {
    this.#engineCall.checkMetadata();
  }

  /** Whether the deadline that the caller set has passed, or passes within the slack of timers. */
  get isPastCallersDeadline(): boolean {
    return this.#engineCall.deadlineMs !== undefined && this.remainingMs() <= timerSlackMs;
  }

  remainingMs(): number {
    if (this.deadlineMs === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(0, this.deadlineMs - this.#clock.now());
  }

  /** Ends the call with `error`, even if its handler is still running. */
  fail(error: unknown): void {
    this.#engineCall.fail(error);
  }
}
