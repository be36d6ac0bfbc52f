import { Metadata, Status } from 'nice-grpc-common';
import { deadlineExceeded, undecodableMessage } from '../../errors/errors.ts';
import { type EndedCall, maxStatusBytes, type WireStatus } from '../../errors/wire-status.ts';
import type { Timed, TimerWheel, WheelTimer } from '../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../connection-peer.ts';
import type { EngineMethod, TransportCall } from '../engine.ts';
import { responseMetadataTooLarge } from '../errors.ts';
import type { HostObserver } from '../host-observer.ts';
import type { CallListener, OpenCall } from '../native/grpc/client/call-listener.ts';
import {
  abortStatus,
  deadlineStatus,
  type LocalStatus,
  statusOf,
  undecodableResponse,
} from '../native/grpc/client/response-status.ts';
import { messageTooLarge } from '../native/grpc/errors.ts';
import { fieldsOf, metadataOf } from '../native/grpc/metadata-fields.ts';
import { fits, fittingStatus } from '../native/grpc/reply-fields.ts';
import { CallContext } from '../native/grpc/server/call-context.ts';
import type { AnsweredCall, ReplyPump } from '../native/grpc/server/reply-pump.ts';
import { refusalReasonOf } from '../native/grpc/server/server-call.ts';
import { requestIdKey } from '../request-id.ts';
import { TransportError } from '../transport-error.ts';
import { type HostedMethod, type InProcessStart, maxMetadataBytes } from './call-start.ts';
import { withoutContext } from './next-turn.ts';
import { Room } from './room.ts';

/** Shared by all calls of a host. */
export interface InProcessTools {
  readonly maxReceiveBytes: number;
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
  readonly timers: TimerWheel;
  readonly observer: HostObserver;
  /** Called when a call has ended. */
  readonly ended: (call: InProcessCall) => void;
}

/**
 * A call within a process: both its sides, in one object. Messages and metadata are encoded and decoded, so neither side has an
 * object of the other. It ends once: with its response, a failure, its deadline, or by its caller.
 */
export abstract class InProcessCall extends CallContext implements OpenCall, AnsweredCall, Timed {
  readonly deadlineMs: number | undefined;
  readonly from: ConnectionPeer;
  /** Whether the call ends when its server begins to drain. */
  readonly endsAtGoaway: boolean;
  protected readonly hosted: HostedMethod;
  protected readonly tools: InProcessTools;
  protected readonly listener: CallListener;
  /** Whether the handler has started, which logs the end of its call. */
  protected begun = false;
  readonly #method: EngineMethod<unknown, unknown>;
  readonly #call: TransportCall;
  readonly #timer: WheelTimer | undefined;
  readonly #abort: (() => void) | undefined;
  #ended = false;
  #headerSent = false;
  readonly #responses = new Room(() => this.#pump?.resume());
  #pump: ReplyPump | undefined;

  /** `fields` are the caller's metadata. */
  constructor(
    hosted: HostedMethod,
    { method, call, listener, from }: InProcessStart,
    fields: readonly string[],
    tools: InProcessTools,
  ) {
    super(method.path, from, fields);
    this.from = from;
    this.hosted = hosted;
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
  protected abstract receive(request: Uint8Array): void;

  // Of the client.

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

  consumed(bytes: number): void {
    this.#responses.processed(bytes);
  }

  cancel(...status: LocalStatus): void {
    this.end(this.#localError(...status), undefined);
  }

  /** Ends both sides: the client with `error`, the signal of the handler with `reason`. */
  end(error: unknown, reason: unknown): void {
    if (!this.#end()) return;
    withoutContext(() => this.abandon(reason));
    this.listener.onEnd(error);
  }

  // Of the server.

  sendHeader(): void {
    if (this.#headerSent || this.#ended) return;
    this.#headerSent = true;
    const { onHeader } = this.#call;
    if (onHeader) this.#report('onHeader', [requestIdKey, this.requestId, ...(this.headerFields() ?? [])]);
  }

  checkMetadata(): void {
    for (const fields of [this.#headerSent ? undefined : this.headerFields(), this.trailerFields()]) {
      if (fields !== undefined && !fits([requestIdKey, this.requestId, ...fields], maxMetadataBytes))
        throw responseMetadataTooLarge({ path: this.path, maxBytes: maxMetadataBytes });
    }
  }

  decompressRequest(): undefined {
    return undefined;
  }

  compressResponse(): undefined {
    return undefined;
  }

  write(response: unknown): boolean {
    const bytes = this.hosted.method.encodeResponse(response);
    this.sendHeader();
    const { maxReceiveBytes: maxBytes } = this.tools;
    if (bytes.length > maxBytes) {
      this.end(undecodableResponse(this.path, messageTooLarge({ maxBytes })), undefined);
      return true;
    }
    const sent = this.#responses.send(bytes);
    this.listener.onMessage(bytes);
    this.listener.onBytes(sent);
    return this.#responses.hasRoom;
  }

  succeed(): void {
    if (this.#ended) return;
    this.sendHeader();
    if (this.#call.onTrailer) this.#report('onTrailer', this.trailerFields() ?? []);
    if (this.#end()) this.listener.onEnd(undefined);
  }

  fail(error: unknown): void {
    if (this.#ended) return;
    const { path, requestId } = this;
    const header = this.headerFields();
    if (header !== undefined && fits([requestIdKey, requestId, ...header], maxStatusBytes)) this.sendHeader();
    if (!this.#end()) return;
    const sent = this.trailerWithFailure();
    const { code, details, metadata } = this.tools.toStatus(error, { path, requestId, otherBytes: sent.bytes });
    const id = this.#headerSent ? [] : [requestIdKey, requestId];
    const more = [...id, ...fieldsOf(metadata), ...fieldsOf(sent.metadata)];
    const fields = fittingStatus(code, details, more, maxMetadataBytes);
    this.abandon(error);
    this.#report('onTrailer', fields);
    const fate = !this.#headerSent && code === Status.UNIMPLEMENTED ? 'unimplemented' : 'answered';
    this.listener.onEnd(new TransportError(path, ...statusOf(fields, false), metadataOf(fields), fate));
  }

  /** Ends the call for a fault of its request. */
  protected refuse(error: unknown): void {
    withoutContext(() => {
      const { peer, path } = this;
      if (!this.begun) this.tools.observer.callRefused({ peer, path, reason: refusalReasonOf(error) });
      this.fail(error);
    });
  }

  attachPump(pump: ReplyPump): void {
    this.#pump = pump;
  }

  onTimeout(): void {
    this.end(this.#localError(...deadlineStatus), deadlineExceeded({ path: this.path }));
  }

  /** Decodes a request. Throws a MeshError if it cannot be decoded. */
  protected decode(bytes: Uint8Array): unknown {
    this.requestCompressed = false;
    try {
      return this.hosted.method.decodeRequest(bytes);
    } catch (error) {
      throw undecodableMessage({ path: this.path }, { cause: error });
    }
  }

  /** Stops what still works for a call that ended without its response. */
  protected abandon(reason: unknown): void {
    this.abort(reason);
    this.#pump?.close();
  }

  #localError(...status: LocalStatus): TransportError {
    return new TransportError(this.path, ...status, Metadata());
  }

  /** Reports metadata to the caller. What the callback throws ends the call. */
  #report(event: 'onHeader' | 'onTrailer', fields: readonly string[]): void {
    try {
      this.#call[event]?.(metadataOf(fields));
    } catch (error) {
      this.cancel(Status.INTERNAL, `${event} of the caller threw: ${error}`);
    }
  }

  /** Claims the end of the call. Returns false if it has already ended. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    if (this.#abort) this.#call.signal?.removeEventListener('abort', this.#abort);
    this.tools.ended(this);
    return true;
  }
}
