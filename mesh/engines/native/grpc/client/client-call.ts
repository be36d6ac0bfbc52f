import { Metadata, Status } from 'nice-grpc-common';
import type { Timed, TimerWheel, WheelTimer } from '../../../../time/timer-wheel.ts';
import type { EngineMethod, TransportCall } from '../../../engine.ts';
import { TransportError } from '../../../transport-error.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import { decompressAhead, gzip, plainBytes, type ReceivedMessage } from '../compression.ts';
import { MessageParser } from '../message-parser.ts';
import { metadataOf } from '../metadata-fields.ts';
import type { CallListener, OpenCall } from './call-listener.ts';
import type { OpeningCall } from './client-connection.ts';
import { callFields, OutgoingMessages } from './outgoing-request.ts';
import {
  abortStatus,
  deadlineStatus,
  goawayStatus,
  headFault,
  type LocalStatus,
  metadataStatus,
  noTrailersStatus,
  resetError,
  statusOf,
  tooLargeStatus,
  undecodableResponse,
} from './response-status.ts';

/** What calls to an endpoint share. */
export interface ClientCallTools {
  readonly open: (call: OpeningCall) => void;
  readonly timers: TimerWheel;
  readonly maxReceiveBytes: number;
}

// A server that refuses several times is full.
const defaultOpenings = 3;

/** One call at the client, from the fields of its request to its status. */
export class ClientCall implements OpenCall, OpeningCall, Timed {
  readonly path: string;
  readonly fields: readonly string[];
  readonly #method: EngineMethod<unknown, unknown>;
  readonly #call: TransportCall;
  readonly #listener: CallListener;
  readonly #tools: ClientCallTools;
  readonly #requests = new OutgoingMessages();
  readonly #timer: WheelTimer | undefined;
  readonly #abort: (() => void) | undefined;
  readonly goaway: (() => void) | undefined;
  #stream: Http2Stream | undefined;
  #reader: MessageParser | undefined;
  #openings = 0;
  /** The fields of the response. Once they have arrived, the call cannot start over. */
  #responseFields: readonly string[] | undefined;
  /** Whether these fields are the whole response, so its status is among them. */
  #isTrailersOnly = false;
  #isOver = false;

  constructor(
    method: EngineMethod<unknown, unknown>,
    call: TransportCall,
    listener: CallListener,
    tools: ClientCallTools,
  ) {
    this.path = method.path;
    this.fields = callFields(call, Date.now());
    this.#method = method;
    this.#call = call;
    this.#listener = listener;
    this.#tools = tools;
    const { deadlineMs, signal } = call;
    if (call.endsAtGoaway) this.goaway = () => this.#cancel(goawayStatus);
    const abort = () => this.#cancel(abortStatus(deadlineMs, Date.now()));
    if (signal?.aborted || (deadlineMs !== undefined && deadlineMs <= Date.now())) {
      // Nothing is sent. The end comes in a microtask, because the creator needs the call before its end.
      queueMicrotask(abort);
      return;
    }
    if (deadlineMs !== undefined) this.#timer = tools.timers.at(deadlineMs, this);
    if (signal !== undefined) {
      this.#abort = abort;
      signal.addEventListener('abort', abort, { once: true });
    }
    this.#open();
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get hasRoom(): boolean {
    return this.#requests.hasRoom;
  }

  send(request: unknown): void {
    const { compressRequests = false } = this.#call;
    const isCompressed = typeof compressRequests === 'function' ? compressRequests(request) : compressRequests;
    this.#requests.add(this.#method.encodeRequest(request), isCompressed ? gzip : undefined);
  }

  finish(): void {
    this.#requests.end();
  }

  decompress(message: ReceivedMessage): Promise<void> | undefined {
    if (message instanceof Uint8Array) return undefined;
    const { maxReceiveBytes: maxBytes } = this.#tools;
    return decompressAhead(message, { encoding: this.#encoding, maxBytes, owner: this.#tools, isWanted: () => true });
  }

  plainBytes(message: ReceivedMessage): Buffer {
    return plainBytes(message, this.#encoding, this.#tools.maxReceiveBytes);
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  cancel(code: Status, details: string): void {
    this.#cancel([code, details]);
  }

  // Called by its timer and by whoever opens streams.

  onTimeout(): void {
    this.#cancel(deadlineStatus);
  }

  opened(stream: Http2Stream): void {
    this.#stream = stream;
    this.#requests.sendOver(stream);
    this.#listener.onRoom();
  }

  unreachable(details: string): void {
    this.#end(new TransportError(this.path, Status.UNAVAILABLE, details, Metadata(), 'unsent'));
  }

  tooLarge(maxBytes: number): void {
    this.#cancel(metadataStatus(maxBytes));
  }

  // Called by its stream.

  headers({ fields, tooLarge }: HeaderList): void {
    this.#requests.forget();
    this.#responseFields = fields;
    this.#isTrailersOnly = this.#stream?.remoteEnded ?? false;
    const fault = tooLarge ? tooLargeStatus : headFault(fields);
    if (fault !== undefined) this.#cancel(fault);
    else if (!this.#isTrailersOnly) this.#report('onHeader', metadataOf(fields));
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#isOver) {
      this.consumed(end - start);
      return;
    }
    try {
      this.#reader ??= new MessageParser(this.#tools.maxReceiveBytes, (message) => {
        if (!this.#isOver) this.#listener.onMessage(message);
      });
      this.#reader.push(buffer, start, end);
      if (!this.#isOver) this.#listener.onBytes(end - start);
    } catch (error) {
      this.#refuse(undecodableResponse(this.path, error));
    }
  }

  ended(trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    const fields = trailers?.fields ?? (this.#isTrailersOnly ? this.#responseFields : undefined);
    if (fields === undefined) {
      this.#end(this.#error(...noTrailersStatus));
      return;
    }
    const metadata = metadataOf(fields);
    this.#report('onTrailer', metadata);
    if (this.#isOver) return;
    const [code, details] = trailers?.tooLarge ? tooLargeStatus : statusOf(fields, this.#reader?.midway ?? false);
    // The server no longer reads what would still be sent.
    if (this.#stream?.localEnded === false) this.#stream.reset(ErrorCode.NO_ERROR);
    const fate = this.#isTrailersOnly && code === Status.UNIMPLEMENTED ? 'unimplemented' : 'answered';
    this.#end(code === Status.OK ? undefined : new TransportError(this.path, code, details, metadata, fate));
  }

  aborted(code: ErrorCode): void {
    if (this.#isOver) return;
    const { maxOpenings = defaultOpenings, deadlineMs } = this.#call;
    const isUnsent = code === ErrorCode.REFUSED_STREAM && this.#responseFields === undefined;
    if (isUnsent && this.#openings < maxOpenings && this.#requests.canRepeat) {
      this.#open();
      return;
    }
    this.#end(resetError(this.path, code, deadlineMs, isUnsent));
  }

  writable(): void {
    this.#listener.onRoom();
  }

  get #encoding(): string | undefined {
    return fieldValue(this.#responseFields ?? [], 'grpc-encoding');
  }

  #open(): void {
    this.#openings += 1;
    this.#stream = undefined;
    this.#requests.leave();
    this.#tools.open(this);
  }

  /** Reports metadata to the caller. What the callback throws ends this call, and no other on the connection. */
  #report(event: 'onHeader' | 'onTrailer', metadata: Metadata): void {
    try {
      this.#call[event]?.(metadata);
    } catch (error) {
      this.cancel(Status.INTERNAL, `${event} of the caller threw: ${error}`);
    }
  }

  #cancel(status: LocalStatus): void {
    this.#refuse(this.#error(...status));
  }

  #refuse(error: TransportError): void {
    if (this.#isOver) return;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#end(error);
  }

  #error(code: Status, details: string): TransportError {
    return new TransportError(this.path, code, details, Metadata());
  }

  #end(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    if (this.#abort) this.#call.signal?.removeEventListener('abort', this.#abort);
    this.#requests.forget();
    this.#listener.onEnd(error);
  }
}
