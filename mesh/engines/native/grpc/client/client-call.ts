import { Metadata, Status } from 'nice-grpc-common';
import { MeshError } from '../../../../errors/mesh-error.ts';
import type { Timed, TimerWheel, WheelTimer } from '../../../../time/timer-wheel.ts';
import type { EngineMethod, TransportCall } from '../../../engine.ts';
import { TransportError } from '../../../transport-error.ts';
import { fieldValue } from '../../http2/codec/field-rules.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { gzip, plainBytes, type ReceivedMessage } from '../compression.ts';
import { MessageReader } from '../message-reader.ts';
import { metadataOf } from '../metadata-fields.ts';
import { abortStatus, deadlineStatus, type LocalStatus, resetStatus, tooLargeStatus } from './local-status.ts';
import { OutgoingMessages } from './outgoing-messages.ts';
import { callFields } from './request-fields.ts';
import { headFault, statusOf } from './response-fields.ts';

/** What is told of a call that was started. Exactly one `onEnd` ends it. */
export interface CallListener {
  /** A message, to be opened with `plainBytes`; one that cannot be ends the call with what this throws. */
  onMessage(message: ReceivedMessage): void;
  /** Bytes that came, of whatever message: to be given back with `consumed` when they are dealt with. */
  onBytes(bytes: number): void;
  /** `undefined` when the status was OK. */
  onEnd(error: unknown): void;
  /** There is room for more requests. */
  onRoom(): void;
}

/** A call that wants a stream. */
export interface OpeningCall extends StreamEvents {
  readonly path: string;
  readonly fields: readonly string[];
  /** Whether it does not want one any more. */
  readonly isOver: boolean;
  /** It has one; at once or later. */
  opened(stream: Http2Stream): void;
  /** It gets none: there is no connection. */
  unreachable(details: string): void;
  /** It gets none: its fields are more than the server takes. */
  tooLarge(mostBytes: number): void;
}

/** What calls to an endpoint share. */
export interface ClientCallTools {
  readonly open: (call: OpeningCall) => void;
  readonly timers: TimerWheel;
  readonly maxReceiveBytes: number;
}

// Not tried again for ever: a server that refuses again and again is full.
const maxOpenings = 3;

/** One call at the client, from its request's fields to its status. */
export class ClientCall implements OpeningCall, Timed {
  readonly path: string;
  readonly fields: readonly string[];
  readonly #method: EngineMethod<unknown, unknown>;
  readonly #call: TransportCall;
  readonly #listener: CallListener;
  readonly #tools: ClientCallTools;
  readonly #requests = new OutgoingMessages();
  readonly #timer: WheelTimer | undefined;
  readonly #abort: (() => void) | undefined;
  #stream: Http2Stream | undefined;
  #reader: MessageReader | undefined;
  #openings = 0;
  /** The fields of the answer: when they have come it cannot begin anew. */
  #responseFields: readonly string[] | undefined;
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
    const abort = () => this.#cancel(abortStatus(deadlineMs, Date.now()));
    if (signal?.aborted || (deadlineMs !== undefined && deadlineMs <= Date.now())) {
      // Nothing of it is sent. Whoever makes it has to know it before it hears of its end.
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

  /** Whether there is room to send more. */
  get hasRoom(): boolean {
    return this.#requests.hasRoom;
  }

  /** Sends a request. */
  send(request: unknown): void {
    const { compressRequests = false } = this.#call;
    const isCompressed = typeof compressRequests === 'function' ? compressRequests(request) : compressRequests;
    this.#requests.add(this.#method.encodeRequest(request), isCompressed ? gzip : undefined);
  }

  /** No more requests come. */
  finish(): void {
    this.#requests.end();
  }

  /** The bytes of a message. Throws a MeshError for one that cannot be decompressed. */
  plainBytes(message: ReceivedMessage): Buffer {
    const encoding = fieldValue(this.#responseFields ?? [], 'grpc-encoding');
    return plainBytes(message, encoding, this.#tools.maxReceiveBytes);
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  /** Ends the call from this side. */
  cancel(code: Status, details: string): void {
    this.#cancel([code, details]);
  }

  // Of its timer and of who opens streams.

  onTimeout(): void {
    this.#cancel(deadlineStatus);
  }

  opened(stream: Http2Stream): void {
    this.#stream = stream;
    this.#requests.sendOver(stream);
    this.#listener.onRoom();
  }

  unreachable(details: string): void {
    this.#end(this.#error(Status.UNAVAILABLE, details));
  }

  tooLarge(mostBytes: number): void {
    const text = `the metadata of the call is over the ${mostBytes} bytes that its server takes: send less of it, or send it in the message`;
    this.cancel(Status.RESOURCE_EXHAUSTED, text);
  }

  // Of its stream.

  headers({ fields, tooLarge }: HeaderList): void {
    this.#requests.forget();
    this.#responseFields = fields;
    const fault = tooLarge ? tooLargeStatus : headFault(fields);
    if (fault !== undefined) this.#cancel(fault);
    else if (fieldValue(fields, 'grpc-status') === undefined) this.#tell('onHeader', metadataOf(fields));
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#isOver) {
      this.consumed(end - start);
      return;
    }
    try {
      this.#reader ??= new MessageReader(this.#tools.maxReceiveBytes, (message) => this.#onMessage(message));
      this.#reader.push(buffer, start, end);
      if (!this.#isOver) this.#listener.onBytes(end - start);
    } catch (error) {
      const code = error instanceof MeshError ? error.code : Status.INTERNAL;
      this.cancel(code, error instanceof Error ? error.message : String(error));
    }
  }

  ended(trailers: HeaderList | undefined): void {
    if (this.#isOver) return;
    const fields = trailers?.fields ?? this.#responseFields ?? [];
    const metadata = metadataOf(fields);
    this.#tell('onTrailer', metadata);
    if (this.#isOver) return;
    const [code, details] = trailers?.tooLarge ? tooLargeStatus : statusOf(fields, this.#reader?.midway ?? false);
    // Nobody reads what would still be sent.
    if (this.#stream?.localEnded === false) this.#stream.reset(ErrorCode.NO_ERROR);
    this.#end(code === Status.OK ? undefined : this.#error(code, details, metadata));
  }

  aborted(code: ErrorCode): void {
    if (this.#isOver) return;
    const isUntouched = code === ErrorCode.REFUSED_STREAM && this.#responseFields === undefined;
    if (isUntouched && this.#openings < maxOpenings && this.#requests.canRepeat) this.#open();
    else this.#end(this.#error(...resetStatus(code, this.#call.deadlineMs, Date.now())));
  }

  writable(): void {
    this.#listener.onRoom();
  }

  #open(): void {
    this.#openings += 1;
    this.#stream = undefined;
    this.#requests.leave();
    this.#tools.open(this);
  }

  /** Tells the caller of metadata. What it throws is a fault of its call, and of no other on the connection. */
  #tell(event: 'onHeader' | 'onTrailer', metadata: Metadata): void {
    try {
      this.#call[event]?.(metadata);
    } catch (error) {
      this.cancel(Status.INTERNAL, `${event} of the caller failed: ${error}`);
    }
  }

  #onMessage(message: ReceivedMessage): void {
    if (!this.#isOver) this.#listener.onMessage(message);
  }

  #cancel(status: LocalStatus): void {
    if (this.#isOver) return;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#end(this.#error(...status));
  }

  #error(code: Status, details: string, metadata: Metadata = Metadata()): TransportError {
    return new TransportError(this.path, code, details, metadata);
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
