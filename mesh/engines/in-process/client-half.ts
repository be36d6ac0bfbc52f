import { Metadata, Status } from 'nice-grpc-common';
import { deadlineExceeded } from '../../errors/errors.ts';
import type { EndedCall, WireStatus } from '../../errors/wire-status.ts';
import type { Timed, TimerWheel, WheelTimer } from '../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../connection-peer.ts';
import type { EngineMethod, TransportCall } from '../engine.ts';
import type { HostObserver } from '../host-observer.ts';
import type { CallListener, OpenCall } from '../native/grpc/client/call-listener.ts';
import {
  abortStatus,
  deadlineStatus,
  type LocalStatus,
  tooLargeStatus,
} from '../native/grpc/client/response-status.ts';
import { messageTooLarge } from '../native/grpc/errors.ts';
import { metadataOf } from '../native/grpc/metadata-fields.ts';
import { fits } from '../native/grpc/reply-fields.ts';
import { CallContext } from '../native/grpc/server/call-context.ts';
import { TransportError } from '../transport-error.ts';
import { type InProcessStart, maxMetadataBytes } from './call-start.ts';
import { withoutContext } from './next-turn.ts';

/** Shared by all calls of a host. */
export interface InProcessTools {
  readonly maxReceiveBytes: number;
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
  readonly timers: TimerWheel;
  readonly observer: HostObserver;
  /** Called when a call has ended. */
  readonly ended: (call: ClientHalf) => void;
}

/**
 * A call as its client uses it: it sends requests and ends the call, by its signal or deadline, too. The other half of the same
 * object answers it.
 */
export abstract class ClientHalf extends CallContext implements OpenCall, Timed {
  readonly deadlineMs: number | undefined;
  readonly from: ConnectionPeer;
  /** Whether the call ends when its server begins to drain. */
  readonly endsAtGoaway: boolean;
  protected readonly tools: InProcessTools;
  protected readonly listener: CallListener;
  readonly #method: EngineMethod<unknown, unknown>;
  readonly #call: TransportCall;
  readonly #timer: WheelTimer | undefined;
  readonly #abort: (() => void) | undefined;
  #ended = false;

  /** `fields` are the caller's metadata. */
  constructor({ method, call, listener, from }: InProcessStart, fields: readonly string[], tools: InProcessTools) {
    super(method.path, from, fields);
    this.from = from;
    this.tools = tools;
    this.listener = listener;
    this.#method = method;
    this.#call = call;
    const { deadlineMs, signal } = call;
    this.deadlineMs = deadlineMs;
    this.endsAtGoaway = call.endsAtGoaway ?? false;
    const abort = () => this.cancel(...abortStatus(deadlineMs, Date.now()));
    if (signal?.aborted || (deadlineMs !== undefined && deadlineMs <= Date.now())) {
      // The end comes in a microtask, because the caller needs the call before its end.
      queueMicrotask(abort);
      return;
    }
    if (deadlineMs !== undefined) this.#timer = tools.timers.at(deadlineMs, this);
    if (signal !== undefined) {
      this.#abort = abort;
      signal.addEventListener('abort', abort, { once: true });
    }
  }

  get isOver(): boolean {
    return this.#ended;
  }

  abstract get hasRoom(): boolean;
  abstract finish(): void;
  abstract consumed(bytes: number): void;
  /** Takes a request that is not too large. */
  protected abstract receive(request: Uint8Array): void;
  /** Ends the call for a fault of its request. */
  protected abstract refuse(error: unknown): void;
  /** Stops what still works for a call that ended without its response. */
  protected abstract abandon(reason: unknown): void;

  send(request: unknown): void {
    const bytes = this.#method.encodeRequest(request);
    if (this.#ended) return;
    const { maxReceiveBytes: maxBytes } = this.tools;
    if (bytes.length > maxBytes) this.refuse(messageTooLarge({ maxBytes }));
    else this.receive(bytes);
  }

  decompress(): undefined {
    return undefined;
  }

  plainBytes(message: Uint8Array): Uint8Array {
    return message;
  }

  cancel(...status: LocalStatus): void {
    this.end(this.#localError(...status), undefined);
  }

  /** Ends both sides: the client with `error`, the signal of the handler with `reason`. */
  end(error: unknown, reason: unknown): void {
    if (!this.claimEnd()) return;
    withoutContext(() => this.abandon(reason));
    this.listener.onEnd(error);
  }

  onTimeout(): void {
    this.end(this.#localError(...deadlineStatus), deadlineExceeded({ path: this.path }));
  }

  /** Whether the caller wants to know the header or the trailer of the response. */
  protected listensTo(event: 'onHeader' | 'onTrailer'): boolean {
    return this.#call[event] !== undefined;
  }

  /** Reports metadata to the caller. If it is too large, or the callback throws, the call ends. */
  protected report(event: 'onHeader' | 'onTrailer', fields: readonly string[]): void {
    try {
      if (fits(fields, maxMetadataBytes)) this.#call[event]?.(metadataOf(fields));
      else this.cancel(...tooLargeStatus);
    } catch (error) {
      this.cancel(Status.INTERNAL, `${event} of the caller threw: ${error}`);
    }
  }

  /** Claims the end of the call. Returns false if it has already ended. */
  protected claimEnd(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    if (this.#abort) this.#call.signal?.removeEventListener('abort', this.#abort);
    this.tools.ended(this);
    return true;
  }

  #localError(...status: LocalStatus): TransportError {
    return new TransportError(this.path, ...status, Metadata());
  }
}
