import { Metadata, Status } from 'nice-grpc-common';
import { deadlineExceeded, MeshError, undecodableMessage } from '../../../errors/mesh-error.ts';
import type { EngineCall, EngineHandler, EngineMethod, WireStatus } from '../../engine.ts';
import { fieldValue } from '../http2/field-rules.ts';
import type { ErrorCode } from '../http2/frames.ts';
import { literalFields } from '../http2/literal-fields.ts';
import type { MessageHead } from '../http2/message-head.ts';
import type { Http2Stream, StreamEvents } from '../http2/stream.ts';
import { acceptEncoding, type Compression, compressionOf } from './compression.ts';
import { MessageQueue } from './message-queue.ts';
import { MessageReader } from './message-reader.ts';
import { fieldsOf, metadataOf } from './metadata-fields.ts';
import type { RequestHead } from './request-head.ts';
import { statusFields } from './status-fields.ts';
import type { TimerWheel, WheelTimer } from './timer-wheel.ts';

/** A method of the host. */
export interface HostedMethod {
  readonly method: EngineMethod<unknown, unknown>;
  readonly handler: EngineHandler<unknown, unknown>;
}

/** What all calls of a host share. */
export interface ServerCallTools {
  readonly maxReceiveBytes: number;
  readonly toStatus: (error: unknown, path: string) => WireStatus;
  readonly timers: TimerWheel;
}

const headerFields = [':status', '200', 'content-type', 'application/grpc+proto'] as const;
const plainHeader = literalFields(headerFields);
const okTrailers = literalFields(statusFields(Status.OK, ''));
const prefixBytes = 5;

/**
 * One call at the server, from the fields of its request to its status. It ends once: by its answer, by a failure, by its
 * deadline, or by its caller. One class for all kinds, since one is made for every call and most of its parts are never
 * asked for.
 */
export class ServerCall implements EngineCall, StreamEvents {
  readonly path: string;
  readonly deadlineMs: number | undefined;
  readonly peer: string;
  readonly #hosted: HostedMethod;
  readonly #stream: Http2Stream;
  readonly #head: MessageHead;
  readonly #request: RequestHead;
  readonly #tools: ServerCallTools;
  #timer: WheelTimer | undefined;
  #reader: MessageReader | undefined;
  #message: Buffer | undefined;
  #requests: MessageQueue<unknown> | undefined;
  #ended = false;
  #headerSent = false;
  #compression: Compression | undefined;
  #metadata: Metadata | undefined;
  #header: Metadata | undefined;
  #trailer: Metadata | undefined;
  #controller: AbortController | undefined;
  #responses: AsyncIterator<unknown> | undefined;
  /** That it ended otherwise than by its answer, and why. */
  #abandoned: { readonly reason: unknown } | undefined;
  #resume: (() => void) | undefined;

  constructor(
    hosted: HostedMethod,
    stream: Http2Stream,
    head: MessageHead,
    request: RequestHead,
    peer: string,
    tools: ServerCallTools,
  ) {
    this.path = hosted.method.path;
    this.peer = peer;
    this.#hosted = hosted;
    this.#stream = stream;
    this.#head = head;
    this.#request = request;
    this.#tools = tools;
    if (request.timeoutMs !== undefined) {
      this.deadlineMs = Date.now() + request.timeoutMs;
      this.#timer = tools.timers.at(this.deadlineMs, () => this.fail(deadlineExceeded(this.path)));
    }
    const { kind } = hosted.handler;
    if (kind === 'client-streaming' || kind === 'bidi-streaming') this.#beginStreamed();
  }

  get metadata(): Metadata {
    this.#metadata ??= metadataOf(this.#head.list.fields);
    return this.#metadata;
  }

  get header(): Metadata {
    this.#header ??= Metadata();
    return this.#header;
  }

  get trailer(): Metadata {
    this.#trailer ??= Metadata();
    return this.#trailer;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abandoned) this.#controller.abort(this.#abandoned.reason);
    }
    return this.#controller.signal;
  }

  textMetadata(key: string): string | undefined {
    return key.endsWith('-bin') ? undefined : fieldValue(this.#head.list.fields, key);
  }

  sendHeader(): void {
    if (this.#headerSent || this.#ended) return;
    this.#sendHeader();
  }

  fail(error: unknown): void {
    if (!this.#end()) return;
    const { code, details, metadata } = this.#tools.toStatus(error, this.path);
    const fields = [...statusFields(code, details), ...fieldsOf(metadata), ...this.#trailerFields()];
    if (this.#headerSent) this.#stream.end(literalFields(fields));
    else this.#stream.sendHeaders(literalFields([...headerFields, ...this.#headerFields(), ...fields]), true);
    this.#abandon(error);
  }

  // Of its stream.

  data(buffer: Buffer, start: number, end: number): void {
    if (this.#ended) {
      this.#stream.consumed(end - start);
      return;
    }
    try {
      if (this.#requests) this.#readMany(buffer, start, end);
      else this.#readOne(buffer, start, end);
    } catch (error) {
      this.fail(error);
    }
  }

  ended(): void {
    if (this.#ended) return;
    if (this.#reader?.midway) {
      this.fail(requestFault(this.path, 'it ends in the middle of a message'));
      return;
    }
    if (this.#requests) {
      this.#requests.finish(undefined);
      return;
    }
    if (this.#message === undefined) {
      this.fail(requestFault(this.path, 'it has no message'));
      return;
    }
    this.#begin(this.#message);
  }

  aborted(_code: ErrorCode): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#abandon(undefined);
  }

  writable(): void {
    this.#resume?.();
  }

  #readOne(buffer: Buffer, start: number, end: number): void {
    const whole = end - start - prefixBytes;
    this.#stream.consumed(end - start);
    if (this.#reader === undefined && whole >= 0 && buffer[start] === 0 && buffer.readUInt32BE(start + 1) === whole) {
      if (whole <= this.#tools.maxReceiveBytes) {
        this.#onOne(buffer.subarray(start + prefixBytes, end));
        return;
      }
    }
    this.#reader ??= this.#createReader((bytes) => this.#onOne(bytes));
    this.#reader.push(buffer, start, end);
  }

  #onOne(bytes: Buffer): void {
    if (this.#message !== undefined) throw requestFault(this.path, 'it has more than one message');
    this.#message = bytes;
  }

  #readMany(buffer: Buffer, start: number, end: number): void {
    const requests = this.#requests as MessageQueue<unknown>;
    this.#reader ??= this.#createReader((bytes) => requests.push(bytes));
    this.#reader.push(buffer, start, end);
    requests.received(end - start);
  }

  #createReader(onMessage: (bytes: Buffer) => void): MessageReader {
    return new MessageReader(this.#tools.maxReceiveBytes, this.#request.compression, onMessage);
  }

  #begin(bytes: Buffer): void {
    const { handler } = this.#hosted;
    try {
      const request = this.#decode(bytes);
      if (handler.kind === 'unary') this.#answerOnce(handler.handle(request, this));
      else if (handler.kind === 'server-streaming') void this.#answerMany(handler.handle(request, this));
    } catch (error) {
      this.fail(error);
    }
  }

  #beginStreamed(): void {
    const { handler } = this.#hosted;
    const giveBack = (bytes: number) => this.#stream.consumed(bytes);
    const requests = new MessageQueue<unknown>(
      (bytes) => this.#decode(bytes),
      giveBack,
      () => undefined,
    );
    this.#requests = requests;
    // Not while the stream is being made: what the handler does at once would find it half made.
    queueMicrotask(() => {
      if (this.#ended) return;
      try {
        if (handler.kind === 'client-streaming') this.#answerOnce(handler.handle(requests, this));
        else if (handler.kind === 'bidi-streaming') void this.#answerMany(handler.handle(requests, this));
      } catch (error) {
        this.fail(error);
      }
    });
  }

  #decode(bytes: Buffer): unknown {
    try {
      return this.#hosted.method.decodeRequest(bytes);
    } catch (error) {
      throw undecodableMessage(this.path, error);
    }
  }

  #answerOnce(answer: Promise<unknown>): void {
    answer.then(
      (response) => {
        if (this.#ended) return;
        try {
          const bytes = this.#hosted.method.encodeResponse(response);
          if (!this.#headerSent) this.#sendHeader();
          this.#writeMessage(bytes);
          this.#succeed();
        } catch (error) {
          this.fail(error);
        }
      },
      (error) => this.fail(error),
    );
  }

  /** Writes answers as fast as the peer takes them. */
  async #answerMany(responses: AsyncIterable<unknown>): Promise<void> {
    try {
      const iterator = responses[Symbol.asyncIterator]();
      this.#responses = iterator;
      // The handler may have ended the call itself: then there is nothing to begin.
      if (this.#ended) return closeQuietly(iterator);
      while (!this.#ended) {
        const next = await iterator.next();
        if (this.#ended) return;
        if (next.done) break;
        const bytes = this.#hosted.method.encodeResponse(next.value);
        if (!this.#headerSent) this.#sendHeader();
        if (!this.#writeMessage(bytes)) await this.#room();
      }
      if (this.#ended) return;
      if (!this.#headerSent) this.#sendHeader();
      this.#succeed();
    } catch (error) {
      this.fail(error);
    }
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #writeMessage(message: Uint8Array): boolean {
    const bytes = this.#compression ? this.#compression.compress(message) : message;
    const prefix = Buffer.allocUnsafe(prefixBytes);
    prefix[0] = this.#compression ? 1 : 0;
    prefix.writeUInt32BE(bytes.length, 1);
    this.#stream.write(prefix);
    return this.#stream.write(bytes);
  }

  #sendHeader(): void {
    this.#headerSent = true;
    if (this.#header === undefined) {
      this.#stream.sendHeaders(plainHeader);
      return;
    }
    this.#stream.sendHeaders(literalFields([...headerFields, ...this.#headerFields()]));
  }

  /** The header that the handler has set. One that sets `grpc-encoding` has its messages compressed, if the peer can. */
  #headerFields(): string[] {
    if (this.#header === undefined) return [];
    const wanted = this.#header.get('grpc-encoding');
    const encoding = typeof wanted === 'string' && this.#request.accepts.includes(wanted) ? wanted : undefined;
    this.#compression = encoding === undefined ? undefined : compressionOf(encoding);
    const fields = fieldsOf(this.#header);
    return this.#compression
      ? ['grpc-encoding', this.#compression.name, 'grpc-accept-encoding', acceptEncoding, ...fields]
      : fields;
  }

  #trailerFields(): string[] {
    return this.#trailer ? fieldsOf(this.#trailer) : [];
  }

  #succeed(): void {
    if (!this.#end()) return;
    const trailers = this.#trailer
      ? literalFields([...statusFields(Status.OK, ''), ...this.#trailerFields()])
      : okTrailers;
    this.#stream.end(trailers);
  }

  /** Claims the end of the call; false when it has ended already. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#timer?.cancel();
    return true;
  }

  /** Lets go of what still works for a call that ended otherwise than by its answer. */
  #abandon(reason: unknown): void {
    this.#abandoned = { reason };
    this.#controller?.abort(reason);
    this.#requests?.finish(new DOMException('the call ended before its requests did', 'AbortError'));
    this.#resume?.();
    if (this.#responses) closeQuietly(this.#responses);
  }
}

/** What a handler throws while it is being closed can reach no caller; the chain above has it in the log. */
function closeQuietly(iterator: AsyncIterator<unknown>): void {
  iterator.return?.()?.catch(() => undefined);
}

function requestFault(path: string, what: string): MeshError {
  const text = `a request of ${path} is none: ${what}; send one whole message`;
  return new MeshError(Status.INTERNAL, 'MALFORMED_REQUEST', text);
}
