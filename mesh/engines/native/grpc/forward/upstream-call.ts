import type { ErrorCode } from '../../http2/codec/frames.ts';
import type { HeaderList } from '../../http2/hpack/header-list.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import type { OpeningCall } from '../client/client-connection.ts';
import { timeoutOf } from '../client/outgoing-request.ts';
import type { ForwardedFields } from './forwarded-fields.ts';

/** The other side of a forwarded call: what happens to its stream at the endpoint. */
export interface UpstreamEvents {
  readonly path: string;
  readonly requestId: string;
  readonly deadlineMs: number | undefined;
  readonly isOver: boolean;
  upstreamOpened(stream: Http2Stream): void;
  /** No endpoint has begun the call. */
  upstreamRefused(problem: string): void;
  upstreamTooLarge(maxBytes: number): void;
  upstreamHeaders(list: HeaderList): void;
  upstreamData(piece: Buffer): void;
  upstreamEnded(trailers: HeaderList | undefined): void;
  upstreamAborted(code: ErrorCode): void;
  upstreamWritable(): void;
}

/** One opening of a forwarded call at an endpoint. A later one replaces it. */
export class UpstreamCall implements OpeningCall {
  readonly fixed: readonly string[];
  readonly #own: readonly string[];
  readonly #call: UpstreamEvents;
  /** After its end there may be another opening, which has the events. */
  #hasEnded = false;

  constructor(call: UpstreamEvents, { fixed, own }: ForwardedFields) {
    this.#call = call;
    this.fixed = fixed;
    this.#own = own;
  }

  get path(): string {
    return this.#call.path;
  }

  get fields(): readonly string[] {
    const { deadlineMs } = this.#call;
    if (deadlineMs === undefined) return this.#own;
    return [...this.#own, 'grpc-timeout', timeoutOf(deadlineMs - Date.now(), Number.POSITIVE_INFINITY)];
  }

  get isOver(): boolean {
    return this.#call.isOver;
  }

  opened(stream: Http2Stream): void {
    this.#call.upstreamOpened(stream);
  }

  unreachable(details: string): void {
    this.#call.upstreamRefused(details);
  }

  tooLarge(maxBytes: number): void {
    this.#call.upstreamTooLarge(maxBytes);
  }

  headers(list: HeaderList): void {
    this.#call.upstreamHeaders(list);
  }

  data(buffer: Buffer, start: number, end: number): void {
    this.#call.upstreamData(buffer.subarray(start, end));
  }

  ended(trailers: HeaderList | undefined): void {
    this.#hasEnded = true;
    this.#call.upstreamEnded(trailers);
  }

  aborted(code: ErrorCode): void {
    if (!this.#hasEnded) this.#call.upstreamAborted(code);
  }

  writable(): void {
    if (!this.#hasEnded) this.#call.upstreamWritable();
  }
}
