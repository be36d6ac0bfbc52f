import { ServerError, Status } from 'nice-grpc-common';
import { deadlineExceeded } from '../../../../errors/errors.ts';
import type { Timed, WheelTimer } from '../../../../time/timer-wheel.ts';
import { endpointLost, forwardedMetadataTooLarge, responseMetadataTooLarge } from '../../../errors.ts';
import type { ForwardedCall, Forwarding } from '../../../forwarding.ts';
import { joinedValue } from '../../http2/codec/field-rules.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { headFault, resetStatus, statusOf, tooLargeStatus } from '../client/response-status.ts';
import { isUnknownMethod, reasonOf } from './foreign-status.ts';
import type { ForwardStart, ForwardTools } from './forward-start.ts';
import { ForwardedReply } from './forwarded-reply.ts';
import { ForwardedRequest } from './forwarded-request.ts';
import { NativeRawEndpoint } from './raw-endpoint.ts';
import type { UpstreamEvents } from './upstream-call.ts';

// So the answer of the endpoint at the deadline, which says more, arrives first.
const deadlineSlackMs = 100;
// The deadline of a caller is this much before that of its call here, which began when it arrived.
const earlyMs = 50;

/**
 * A call whose bytes pass from its caller to an endpoint and back, unchanged: neither metadata nor messages are decoded. Each
 * side gets windows as the other reads. The call is opened at another endpoint only while no server has begun it.
 */
export class ForwardCall implements ForwardedCall, StreamEvents, UpstreamEvents, Timed {
  readonly path: string;
  readonly peer: string;
  readonly peerService: string | undefined;
  readonly requestId: string;
  readonly deadlineMs: number | undefined;
  isOver = false;
  readonly #tools: ForwardTools;
  readonly #list: HeaderList;
  /** The stream of the caller. */
  readonly #stream: Http2Stream;
  readonly #request: ForwardedRequest;
  readonly #reply: ForwardedReply;
  #timer: WheelTimer | undefined;
  #forwarding: Forwarding | undefined;
  /** The stream at the endpoint. */
  #upstream: Http2Stream | undefined;
  #isAdmitted = false;
  /** Whether an endpoint may have begun it. */
  #isBegun = false;
  /** Whether the endpoint does not have the method, and another may. Then it is opened there once this reply has ended. */
  #isMissed = false;

  constructor({ stream, head, path, from, requestId, timeoutMs }: ForwardStart, tools: ForwardTools) {
    this.path = path;
    this.peer = from.address;
    this.peerService = from.service;
    this.requestId = requestId;
    this.deadlineMs = timeoutMs === undefined ? undefined : Date.now() + timeoutMs;
    this.#tools = tools;
    this.#list = head.list;
    this.#stream = stream;
    this.#request = new ForwardedRequest(stream, path, (error) => this.fail(error));
    this.#reply = new ForwardedReply(stream);
  }

  get requestBytes(): number {
    return this.#request.bytes;
  }

  get replyBytes(): number {
    return this.#reply.bytes;
  }

  get waitsForReader(): boolean {
    return this.#stream.queuedBytes > 0;
  }

  textMetadata(key: string): string | undefined {
    return key.endsWith('-bin') ? undefined : joinedValue(this.#list.fields, key);
  }

  /** Begins to forward it. */
  begin(forwarding: Forwarding): void {
    this.#forwarding = forwarding;
    if (this.deadlineMs !== undefined) this.#timer = this.#tools.timers.at(this.deadlineMs + deadlineSlackMs, this);
    if (forwarding.collectsRequest) this.#tools.requestWatch.add(this.#request);
    else this.#admit(forwarding);
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    const { path, requestId } = this;
    const status = this.#tools.toStatus(error, { path, requestId, otherBytes: 0 });
    this.#end(status.code, error);
    this.#upstream?.reset(ErrorCode.CANCEL);
    this.#reply.fail(status, { requestId, isWorthless: deadlineExceeded.is(error) });
  }

  onTimeout(): void {
    if (this.isOver) this.#upstream?.reset(ErrorCode.CANCEL);
    else this.fail(deadlineExceeded({ path: this.path }));
  }

  // Called by the stream of the caller.

  data(buffer: Buffer, start: number, end: number): void {
    if (this.isOver) this.#stream.consumed(end - start);
    else this.#request.add(buffer.subarray(start, end));
    if (!this.isOver && this.#request.isLarge) this.#collected();
  }

  ended(): void {
    this.#request.end();
    this.#collected();
  }

  aborted(): void {
    if (this.isOver) return;
    this.#end(Status.CANCELLED, undefined);
    // Callers leave at their deadlines, where the endpoint ends the calls too. It would take so many resets for an attack, and
    // end the connection with the calls of everyone else.
    const isLate = this.deadlineMs !== undefined && Date.now() >= this.deadlineMs - earlyMs;
    if (isLate && this.#upstream !== undefined) this.#tools.timers.after(deadlineSlackMs, this);
    else this.#upstream?.reset(ErrorCode.CANCEL);
  }

  writable(): void {
    if (this.#upstream !== undefined) this.#reply.resume(this.#upstream);
  }

  // Called by its stream at the endpoint.

  upstreamOpened(stream: Http2Stream): void {
    this.#upstream = stream;
    this.#isBegun = true;
    this.#request.sendOver(stream);
  }

  upstreamRefused(problem: string): void {
    this.#upstream = undefined;
    this.#isBegun = false;
    this.#request.leave();
    if (!this.isOver) this.#open(problem);
  }

  upstreamTooLarge(maxBytes: number): void {
    this.fail(forwardedMetadataTooLarge({ path: this.path, maxBytes }));
  }

  upstreamHeaders(list: HeaderList): void {
    if (this.isOver) return;
    const isWhole = this.#upstream?.remoteEnded ?? false;
    const isUnknown = isWhole && !list.tooLarge && this.#request.canRepeat && isUnknownMethod(list.fields);
    this.#isMissed = isUnknown && this.#forwarding?.misses() === true;
    if (this.#isMissed) return;
    this.#request.forget();
    const fault = list.tooLarge ? tooLargeStatus : headFault(list.fields);
    if (fault !== undefined) this.fail(new ServerError(...fault));
    else if (this.#fits(list)) {
      if (!isWhole) this.#forwarding?.answered();
      this.#reply.sendHeaders(list, isWhole);
    }
  }

  upstreamData(piece: Buffer): void {
    const upstream = this.#upstream as Http2Stream;
    if (this.isOver) upstream.consumed(piece.length);
    else this.#reply.pass(upstream, piece);
  }

  upstreamEnded(trailers: HeaderList | undefined): void {
    // The endpoint no longer reads what would still be sent.
    if (this.#upstream?.localEnded === false) this.#upstream.reset(ErrorCode.NO_ERROR);
    if (this.#isMissed) {
      this.#isMissed = false;
      this.upstreamRefused('it does not have the method');
      return;
    }
    const list = this.#reply.statusFields(trailers);
    if (this.isOver || (list !== undefined && !this.#fits(list))) return;
    const [code] = list === undefined ? [Status.INTERNAL] : statusOf(list.fields, this.#reply.midway);
    this.#end(code, undefined, list && code === Status.RESOURCE_EXHAUSTED ? reasonOf(list.fields) : undefined);
    this.#reply.end(trailers, this.deadlineMs);
  }

  upstreamAborted(code: ErrorCode): void {
    if (this.isOver) return;
    const isUntouched = code === ErrorCode.REFUSED_STREAM && !this.#reply.headerSent;
    if (isUntouched && this.#request.canRepeat) this.upstreamRefused('it accepts no further calls now');
    else if (isUntouched || code === ErrorCode.CONNECT_ERROR)
      this.fail(endpointLost({ path: this.path, repetition: this.#forwarding?.repetition ?? 'unknown' }));
    else {
      // The caller knows what a reset means as well as anyone here.
      this.#end(resetStatus(code, this.deadlineMs, Date.now())[0], undefined);
      this.#stream.reset(code);
    }
  }

  upstreamWritable(): void {
    this.#request.resume();
  }

  /** Enough of the request has arrived to decide about it. */
  #collected(): void {
    if (this.#forwarding?.collectsRequest) this.#admit(this.#forwarding);
  }

  #admit(forwarding: Forwarding): void {
    if (this.#isAdmitted) return;
    this.#isAdmitted = true;
    forwarding.admit().then(
      () => {
        if (!this.isOver) this.#open(undefined);
      },
      (error) => this.fail(error),
    );
  }

  /** Opens it at the next endpoint. `problem`: why the last one did not begin it. */
  #open(problem: string | undefined): void {
    try {
      const endpoint = this.#forwarding?.next(problem);
      if (!(endpoint instanceof NativeRawEndpoint)) throw new TypeError('the endpoint is not of this engine');
      endpoint.forward(this, this.#list, this.#forwarding?.changes);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Whether the caller accepts these fields. If not, ends the call. */
  #fits({ bytes }: HeaderList): boolean {
    const maxBytes = this.#stream.maxHeaderListBytes;
    if (bytes > maxBytes) this.fail(responseMetadataTooLarge({ path: this.path, maxBytes }));
    return bytes <= maxBytes;
  }

  #end(code: Status, error: unknown, reason?: string): void {
    this.isOver = true;
    this.#timer?.cancel();
    this.#request.forget();
    this.#forwarding?.ended({ code, reason, unprocessed: !this.#isBegun, error });
  }
}
