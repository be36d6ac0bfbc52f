import { deadlineExceeded } from '../../../../errors/errors.ts';
import { type EndedCall, maxStatusBytes, type WireStatus } from '../../../../errors/wire-status.ts';
import type { Timed, TimerWheel, WheelTimer } from '../../../../time/timer-wheel.ts';
import type { ConnectionPeer } from '../../../connection-peer.ts';
import type { EngineHandler, EngineMethod } from '../../../engine.ts';
import { responseMetadataTooLarge } from '../../../errors.ts';
import type { CallRefusalReason, HostObserver } from '../../../host-observer.ts';
import { requestFaultOf } from '../../../request-fault.ts';
import { requestIdKey } from '../../../request-id.ts';
import type { ErrorCode } from '../../http2/codec/frames.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import type { MessageHead } from '../../http2/codec/message-head.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import {
  CompressedMessage,
  type Compression,
  compressAhead,
  decompressAhead,
  plainBytes,
  type UnreadMessage,
} from '../compression.ts';
import { writeMessage } from '../message-frame.ts';
import { fieldsOf } from '../metadata-fields.ts';
import { fits, fittingStatus, okTrailersWith, replyHeader, statusOnly } from '../reply-fields.ts';
import type { RequestWatch } from '../request-watch.ts';
import { CallContext } from './call-context.ts';
import type { ReplyPump } from './reply-pump.ts';
import type { RequestHead } from './request-head.ts';
import { decodeRequest } from './run-handler.ts';

/** A method of the host and its handler. */
export interface HostedMethod {
  readonly method: EngineMethod<unknown, unknown>;
  readonly handler: EngineHandler<unknown, unknown>;
  readonly streamsRequests: boolean;
  readonly streamsReplies: boolean;
}

/** Shared by all calls of a host. */
export interface ServerCallTools {
  readonly maxReceiveBytes: number;
  readonly toStatus: (error: unknown, call: EndedCall) => WireStatus;
  readonly timers: TimerWheel;
  readonly requestWatch: RequestWatch;
  readonly observer: HostObserver;
  /** Whether each response has its request id. */
  readonly requestIds: boolean;
}

/** What a call starts with. */
export interface CallStart {
  readonly stream: Http2Stream;
  readonly head: MessageHead;
  readonly request: RequestHead;
  readonly from: ConnectionPeer;
}

/**
 * The response side of a call at the server. It ends once: with its response, a failure, its deadline, or by its caller.
 * Subclasses read its request. A call is a single object, because allocations are what it costs.
 */
export abstract class ServerCall extends CallContext implements Timed {
  readonly deadlineMs: number | undefined;
  protected readonly hosted: HostedMethod;
  protected readonly stream: Http2Stream;
  protected readonly request: RequestHead;
  protected readonly tools: ServerCallTools;
  /** Whether the handler has started, which logs the end of its call. */
  protected begun = false;
  readonly #timer: WheelTimer | undefined;
  #ended = false;
  #headerSent = false;
  #compression: Compression | undefined;
  /** A response that was compressed ahead of being returned. */
  #compressed: { readonly of: Uint8Array; readonly bytes: Uint8Array } | undefined;
  #pump: ReplyPump | undefined;

  constructor(hosted: HostedMethod, { stream, head, request, from }: CallStart, tools: ServerCallTools) {
    super(hosted.method.path, from, head.list.fields);
    this.hosted = hosted;
    this.stream = stream;
    this.request = request;
    this.tools = tools;
    if (request.timeoutMs === undefined) return;
    this.deadlineMs = Date.now() + request.timeoutMs;
    this.#timer = tools.timers.at(this.deadlineMs, this);
  }

  protected override get hasRequestId(): boolean {
    return this.tools.requestIds;
  }

  /** Whether the call has ended. */
  get isOver(): boolean {
    return this.#ended;
  }

  sendHeader(): void {
    if (!this.#headerSent && !this.#ended) this.#sendHeader(true);
  }

  checkMetadata(): void {
    if (this.stream.maxHeaderListBytes === Number.POSITIVE_INFINITY) return;
    const header = this.#headerSent ? undefined : this.headerFields();
    if (header !== undefined) this.#checkSize([...this.#idFields(), ...header]);
    const trailer = this.trailerFields();
    if (trailer !== undefined) this.#checkSize(trailer);
  }

  /**
   * Sends one message of the response. Returns false if the next should wait for room; a promise of that if the message is
   * compressed on another thread.
   */
  write(response: unknown): boolean | Promise<boolean> {
    const bytes = this.hosted.method.encodeResponse(response);
    if (!this.#headerSent) this.#sendHeader(this.compressReplies || this.hosted.streamsReplies);
    const compression = this.compressReplies ? this.#compression : undefined;
    if (compression === undefined) return writeMessage(this.stream, bytes, false);
    if (this.#compressed?.of === bytes) return writeMessage(this.stream, this.#compressed.bytes, true);
    const compressing = compressAhead(bytes, compression, this.peer);
    if (compressing === undefined) return writeMessage(this.stream, compression.compress(bytes), true);
    return compressing.then((compressed) => this.#ended || writeMessage(this.stream, compressed, true));
  }

  compressResponse(bytes: Uint8Array): Promise<void> | undefined {
    const compression = this.compressReplies ? this.request.replyCompression : undefined;
    if (compression === undefined) return undefined;
    return compressAhead(bytes, compression, this.peer)?.then(
      (compressed) => {
        this.#compressed = { of: bytes, bytes: compressed };
      },
      // It fails again when it is sent.
      () => undefined,
    );
  }

  /** Ends the call with OK, unless it has ended. */
  succeed(): void {
    if (this.#ended) return;
    if (!this.#headerSent) this.#sendHeader(false);
    this.#end();
    this.stream.end(okTrailersWith(this.trailerFields()));
    // What a window still holds is worthless after the deadline.
    if (this.deadlineMs !== undefined && !this.stream.localEnded)
      this.stream.expiresMs = performance.now() + this.deadlineMs - Date.now();
  }

  fail(error: unknown): void {
    if (!this.#end()) return;
    if (!this.begun)
      this.tools.observer.callRefused({ peer: this.peer, path: this.path, reason: refusalReasonOf(error) });
    const { maxHeaderListBytes } = this.stream;
    // Header metadata belongs in a header, even if only a status follows. If it is too large, the status is more important.
    const header = this.#headerSent ? undefined : this.headerFields();
    const maxHeaderBytes = Math.min(maxHeaderListBytes, maxStatusBytes);
    if (header !== undefined && fits([...this.#idFields(), ...header], maxHeaderBytes)) this.#sendHeader(false);
    const { path, requestId } = this;
    const handlers = this.trailerWithFailure();
    const { code, details, metadata } = this.tools.toStatus(error, { path, requestId, otherBytes: handlers.bytes });
    const id = this.#headerSent ? [] : this.#idFields();
    const more = [...id, ...fieldsOf(metadata), ...fieldsOf(handlers.metadata)];
    const fields = fittingStatus(code, details, more, maxHeaderListBytes);
    // After the deadline nobody waits for messages that a window holds.
    if (this.#headerSent && deadlineExceeded.is(error)) this.stream.endNow(literalFields(fields));
    else if (this.#headerSent) this.stream.end(literalFields(fields));
    else this.stream.sendHeaders(statusOnly(fields), true);
    this.abandon(error);
  }

  /** Attaches the writer of responses, which is notified of room and of the end. */
  attachPump(pump: ReplyPump): void {
    this.#pump = pump;
  }

  // Called by its timer and its stream.

  onTimeout(): void {
    this.fail(deadlineExceeded({ path: this.path }));
  }

  aborted(_code: ErrorCode): void {
    if (this.#end()) this.abandon(undefined);
  }

  writable(): void {
    this.#pump?.resume();
  }

  /** Decompresses a large message on another thread, before it is decoded. */
  protected decompress(message: UnreadMessage): Promise<void> | undefined {
    // Most are not compressed, so nothing is allocated for them.
    if (!(message instanceof CompressedMessage)) return undefined;
    const { request, tools, peer } = this;
    const isWanted = () => !this.#ended;
    return decompressAhead(message, {
      encoding: request.encoding,
      maxBytes: tools.maxReceiveBytes,
      owner: peer,
      isWanted,
    });
  }

  /** Decodes a request. Throws a MeshError if it cannot be decompressed or decoded. */
  protected decode(message: UnreadMessage): unknown {
    this.requestCompressed = message instanceof CompressedMessage;
    return decodeRequest(this.hosted.method, plainBytes(message, this.request.encoding, this.tools.maxReceiveBytes));
  }

  /** Stops what still works for a call that ended without its response. */
  protected abandon(reason: unknown): void {
    this.abort(reason);
    this.#pump?.close();
  }

  // The header has to announce compression before the first message.
  #sendHeader(mayCompress: boolean): void {
    this.#headerSent = true;
    this.#compression = mayCompress ? this.request.replyCompression : undefined;
    this.stream.sendHeaders(
      replyHeader(this.hasRequestId ? this.requestId : undefined, this.#compression, this.headerFields()),
    );
  }

  #idFields(): readonly string[] {
    return this.hasRequestId ? [requestIdKey, this.requestId] : [];
  }

  #checkSize(custom: readonly string[]): void {
    const { maxHeaderListBytes } = this.stream;
    if (!fits(custom, maxHeaderListBytes))
      throw responseMetadataTooLarge({ path: this.path, maxBytes: maxHeaderListBytes });
  }

  /** Claims the end of the call. Returns false if it has already ended. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    return true;
  }
}

/** Why a call that ends before its handler is refused. */
export function refusalReasonOf(error: unknown): CallRefusalReason {
  return deadlineExceeded.is(error) ? 'request_incomplete' : (requestFaultOf(error)?.reason ?? 'malformed_request');
}
