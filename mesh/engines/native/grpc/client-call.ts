import { Metadata, Status } from 'nice-grpc-common';
import type { EngineMethod, TransportCall } from '../../engine.ts';
import { TransportError } from '../../transport-error.ts';
import { fieldValue } from '../http2/field-rules.ts';
import { ErrorCode } from '../http2/frames.ts';
import type { HeaderList } from '../http2/hpack/header-list.ts';
import type { Http2Stream, StreamEvents } from '../http2/stream.ts';
import { compressionOf } from './compression.ts';
import { MessageReader } from './message-reader.ts';
import { fieldsOf, metadataOf } from './metadata-fields.ts';
import { decodeMessage } from './status-fields.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** What is told of a call that was started. Exactly one `onEnd` ends it. */
export interface CallListener {
  onMessage(bytes: Buffer): void;
  /** Bytes that came, of whatever message: to be given back with `consumed` when they are dealt with. */
  onBytes(bytes: number): void;
  /** `undefined` when the status was OK. */
  onEnd(error: unknown): void;
  /** There is room for more requests. */
  onRoom?(): void;
}

/** What who sends requests is told of the call. */
export interface CallHooks {
  onRoom?: () => void;
  onEnd?: () => void;
  /** Why the requests failed to come: that is what the caller gets then. */
  fault?: { readonly error: unknown };
}

/** How a call gets its stream. Calls `opened` at once or later, or `failed`. */
export type OpenStream = (
  request: { readonly path: string; readonly fields: readonly string[] },
  events: StreamEvents,
  opened: (stream: Http2Stream) => void,
  failed: (error: TransportError) => void,
) => void;

export interface ClientCallTools {
  readonly open: OpenStream;
  readonly timers: TimerWheel;
  readonly maxReceiveBytes: number;
}

const prefixBytes = 5;
const longestTimeoutMs = 24 * 60 * 60 * 1000;
// Not tried again for ever: a server that refuses again and again is full.
const maxOpenings = 3;

/** One call at the client, from its request's fields to its status. */
export class ClientCall implements StreamEvents {
  readonly #method: EngineMethod<unknown, unknown>;
  readonly #call: TransportCall;
  readonly #listener: CallListener;
  readonly #tools: ClientCallTools;
  readonly #fields: readonly string[];
  readonly #timer: WheelTimer | undefined;
  readonly #abort = () => this.cancel(...abortStatus(this.#call));
  #stream: Http2Stream | undefined;
  #reader: MessageReader | undefined;
  #waiting: Uint8Array[] = [];
  #waitingEnd = false;
  #openings = 0;
  /** Whether anything of the answer has come: then it cannot begin anew. */
  #answered = false;
  #sentMessages = 0;
  #responseFields: readonly string[] | undefined;
  #ended = false;

  constructor(
    method: EngineMethod<unknown, unknown>,
    call: TransportCall,
    listener: CallListener,
    tools: ClientCallTools,
  ) {
    this.#method = method;
    this.#call = call;
    this.#listener = listener;
    this.#tools = tools;
    const { deadlineMs, signal, metadata } = call;
    this.#fields = [...timeoutFields(deadlineMs), ...fieldsOf(metadata)];
    if (deadlineMs !== undefined) this.#timer = tools.timers.at(deadlineMs, () => this.cancel(...deadlineStatus));
    if (signal?.aborted) queueMicrotask(this.#abort);
    else signal?.addEventListener('abort', this.#abort, { once: true });
    this.#open();
  }

  /** Whether there is room to send more. */
  get hasRoom(): boolean {
    return this.#stream === undefined ? this.#waiting.length < 16 : this.#stream.hasRoom;
  }

  /** Sends a message; the last one ends the request. */
  send(message: Uint8Array, last: boolean): void {
    const prefix = Buffer.allocUnsafe(prefixBytes);
    prefix[0] = 0;
    prefix.writeUInt32BE(message.length, 1);
    this.#sentMessages += 1;
    // Kept until the first answer, so that a request that no server has begun with can go to another.
    if (this.#openings <= 1 && this.#sentMessages === 1) this.#waiting.push(prefix, message);
    else if (this.#stream === undefined) this.#waiting.push(prefix, message);
    if (this.#stream !== undefined) {
      this.#stream.write(prefix);
      if (!this.#stream.write(message)) this.#stream.wantsRoom = true;
    }
    if (last) this.finish();
  }

  /** Ends the request. */
  finish(): void {
    this.#waitingEnd = true;
    this.#stream?.end();
  }

  consumed(bytes: number): void {
    this.#stream?.consumed(bytes);
  }

  /** Ends the call from this side. */
  cancel(code: Status, details: string): void {
    if (this.#ended) return;
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#end(this.#error(code, details, Metadata()));
  }

  // Of its stream.

  headers(list: HeaderList): void {
    this.#answered = true;
    const { fields } = list;
    const status = fieldValue(fields, ':status');
    if (status !== '200') {
      this.#fail(httpStatus(status), `the server answered with HTTP status ${status}`);
      return;
    }
    if (!fieldValue(fields, 'content-type')?.startsWith('application/grpc')) {
      this.#fail(Status.UNKNOWN, 'the answer is no gRPC');
      return;
    }
    this.#responseFields = fields;
    if (fieldValue(fields, 'grpc-status') === undefined) this.#call.onHeader?.(metadataOf(fields));
  }

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#ended) {
      this.consumed(end - start);
      return;
    }
    try {
      this.#reader ??= this.#createReader();
      this.#reader.push(buffer, start, end);
      if (!this.#ended) this.#listener.onBytes(end - start);
    } catch (error) {
      this.#fail(Status.RESOURCE_EXHAUSTED, error instanceof Error ? error.message : String(error));
    }
  }

  ended(trailers: HeaderList | undefined): void {
    if (this.#ended) return;
    const fields = trailers?.fields ?? this.#responseFields ?? [];
    const status = fieldValue(fields, 'grpc-status');
    const metadata = metadataOf(fields);
    this.#call.onTrailer?.(metadata);
    if (status === undefined) {
      this.#end(this.#error(Status.UNKNOWN, 'the server ended the call without a status', metadata));
      return;
    }
    if (this.#reader?.midway) {
      this.#fail(Status.INTERNAL, 'the answer ends in the middle of a message');
      return;
    }
    const code = /^\d{1,3}$/.test(status) ? Number(status) : Status.UNKNOWN;
    if (code === Status.OK) {
      this.#end(undefined);
      return;
    }
    this.#end(this.#error(code, decodeMessage(fieldValue(fields, 'grpc-message') ?? ''), metadata));
  }

  aborted(code: ErrorCode): void {
    if (this.#ended) return;
    const refused = code === ErrorCode.REFUSED_STREAM && !this.#answered && this.#sentMessages <= 1;
    if (refused && this.#openings < maxOpenings) {
      this.#open();
      return;
    }
    const [status, details] = resetStatus(code);
    this.#end(this.#error(status, details, Metadata()));
  }

  writable(): void {
    this.#listener.onRoom?.();
  }

  #open(): void {
    this.#stream = undefined;
    this.#openings += 1;
    const request = { path: this.#method.path, fields: this.#fields };
    this.#tools.open(
      request,
      this,
      (stream) => this.#onOpened(stream),
      (error) => this.#end(error),
    );
  }

  #onOpened(stream: Http2Stream): void {
    if (this.#ended) {
      stream.reset(ErrorCode.CANCEL);
      return;
    }
    this.#stream = stream;
    for (const bytes of this.#waiting) stream.write(bytes);
    if (this.#waitingEnd) stream.end();
    else this.#listener.onRoom?.();
  }

  #createReader(): MessageReader {
    const encoding = fieldValue(this.#responseFields ?? [], 'grpc-encoding') ?? 'identity';
    return new MessageReader(this.#tools.maxReceiveBytes, compressionOf(encoding), (bytes) => {
      if (!this.#ended) this.#listener.onMessage(bytes);
    });
  }

  #fail(code: Status, details: string): void {
    this.#stream?.reset(ErrorCode.CANCEL);
    this.#end(this.#error(code, details, Metadata()));
  }

  #error(code: number, details: string, metadata: Metadata): TransportError {
    return new TransportError(this.#method.path, code, details, metadata);
  }

  #end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#call.signal?.removeEventListener('abort', this.#abort);
    this.#waiting = [];
    this.#listener.onEnd(error);
  }
}

const deadlineStatus: [code: Status, details: string] = [Status.DEADLINE_EXCEEDED, 'the time of the call was over'];

function abortStatus({ deadlineMs }: TransportCall): [code: Status, details: string] {
  return deadlineMs !== undefined && Date.now() >= deadlineMs
    ? deadlineStatus
    : [Status.CANCELLED, 'the call was given up by its caller'];
}

function timeoutFields(deadlineMs: number | undefined): string[] {
  if (deadlineMs === undefined) return [];
  const leftMs = Math.max(1, Math.min(Math.ceil(deadlineMs - Date.now()), longestTimeoutMs));
  return ['grpc-timeout', leftMs < 100_000_000 ? `${leftMs}m` : `${Math.ceil(leftMs / 1_000)}S`];
}

/** What the end of a stream means to a call (gRPC over HTTP/2, "Errors"). */
function resetStatus(code: ErrorCode): [status: Status, details: string] {
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return [Status.UNAVAILABLE, 'the server takes no more calls now'];
    case ErrorCode.CONNECT_ERROR:
      return [Status.UNAVAILABLE, 'the connection was lost'];
    case ErrorCode.CANCEL:
      return [Status.CANCELLED, 'the call was cancelled by the server'];
    case ErrorCode.ENHANCE_YOUR_CALM:
      return [Status.RESOURCE_EXHAUSTED, 'the server has too much to do'];
    case ErrorCode.INADEQUATE_SECURITY:
      return [Status.PERMISSION_DENIED, 'the connection is not secure enough'];
    default:
      return [Status.INTERNAL, `the stream of the call was reset (HTTP/2 error ${code})`];
  }
}

function httpStatus(status: string | undefined): Status {
  switch (status) {
    case '400':
      return Status.INTERNAL;
    case '401':
      return Status.UNAUTHENTICATED;
    case '403':
      return Status.PERMISSION_DENIED;
    case '404':
      return Status.UNIMPLEMENTED;
    case '429':
    case '502':
    case '503':
    case '504':
      return Status.UNAVAILABLE;
    default:
      return Status.UNKNOWN;
  }
}
