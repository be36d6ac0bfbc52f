import type { TransportCall } from '../../../engine.ts';
import type { Http2Stream } from '../../http2/streams/stream.ts';
import { type Compression, gzip } from '../compression.ts';
import { prefixOf } from '../message-frame.ts';
import { fieldsOf } from '../metadata-fields.ts';

const maxTimeoutMs = 24 * 60 * 60 * 1000;

/** The fields that differ from call to call: timeout, encoding, metadata. */
export function callFields({ deadlineMs, compressRequests, metadata }: TransportCall, nowMs: number): string[] {
  const fields = fieldsOf(metadata);
  if (deadlineMs !== undefined) fields.push('grpc-timeout', timeoutOf(deadlineMs - nowMs));
  if (compressRequests) fields.push('grpc-encoding', gzip.name);
  return fields;
}

/** The value of `grpc-timeout` with this much left, at least 1 ms. Default: at most a day. */
export function timeoutOf(leftMs: number, maxMs: number = maxTimeoutMs): string {
  const timeoutMs = Math.max(1, Math.min(Math.ceil(leftMs), maxMs));
  // gRPC allows eight digits.
  return timeoutMs < 100_000_000 ? `${timeoutMs}m` : `${Math.ceil(timeoutMs / 1_000)}S`;
}

// The number of messages that may wait for a stream; with more, the sender should wait.
const maxWaiting = 8;

/** The messages of a call. They wait for its stream, and the first is kept in case the call has to start over. */
export class OutgoingMessages {
  #stream: Http2Stream | undefined;
  /** Messages that wait for a stream or are kept. */
  #kept: Uint8Array[] = [];
  #sent = 0;
  #ending = false;

  /** Whether everything that was sent can be sent again. */
  get canRepeat(): boolean {
    return this.#kept.length >= 2 * this.#sent;
  }

  get hasRoom(): boolean {
    return this.#stream === undefined ? this.#kept.length < 2 * maxWaiting : this.#stream.hasRoom;
  }

  /** Adds a message, compressed if `compression` is given. */
  add(message: Uint8Array, compression: Compression | undefined): void {
    const bytes = compression === undefined ? message : compression.compress(message);
    const prefix = prefixOf(bytes, compression !== undefined);
    this.#sent += 1;
    if (this.#stream === undefined || this.#sent === 1) this.#kept.push(prefix, bytes);
    else this.#kept = [];
    if (this.#stream === undefined) return;
    this.#stream.write(prefix);
    if (!this.#stream.write(bytes)) this.#stream.wantsRoom = true;
  }

  end(): void {
    this.#ending = true;
    this.#stream?.end();
  }

  /** Begins to send over a stream, from the first message. */
  sendOver(stream: Http2Stream): void {
    this.#stream = stream;
    for (const bytes of this.#kept) stream.write(bytes);
    if (this.#ending) stream.end();
  }

  /** Waits for another stream. */
  leave(): void {
    this.#stream = undefined;
  }

  /** Keeps nothing from now on, because the call has begun or ended. */
  forget(): void {
    this.#kept = [];
  }
}
