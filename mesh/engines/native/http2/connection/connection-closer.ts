import type { Socket } from 'node:net';
import { messageOf } from '../../../../errors/error-text.ts';
import { hangUp } from '../../../hang-up.ts';
import type { FrameDispatch } from '../codec/frame-dispatch.ts';
import { ConnectionError, ErrorCode } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import { HpackError } from '../hpack/decoder.ts';
import type { FloodGuard } from '../streams/flood-guard.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { Http2ConnectionEvents } from './connection-options.ts';
import { sendGoaway } from './shutdown.ts';

// How long a peer that made a fault has to read the GOAWAY.
const goawayLingerMs = 1_000;
// How long a peer has to read its last responses, on a connection that ends without a fault.
const closeTimeoutMs = 30_000;

export interface ConnectionCloserParts {
  readonly socket: Socket;
  readonly events: Http2ConnectionEvents;
  readonly dispatch: FrameDispatch;
  readonly output: Output;
  readonly guard: FloodGuard;
  readonly streams: StreamTable;
}

/** Closes a connection once, and reports why if the peer is at fault. */
export class ConnectionCloser {
  readonly #parts: ConnectionCloserParts;
  #closed = false;

  constructor(parts: ConnectionCloserParts) {
    this.#parts = parts;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Closes it for what was thrown, with a GOAWAY. */
  fail(error: unknown): void {
    if (this.#closed) return;
    const { socket, output, streams } = this.#parts;
    const fault = faultOf(error);
    // What went wrong on this side is no business of the peer.
    const text = fault.reason === 'internal_error' ? '' : fault.message;
    sendGoaway(output, streams.lastPeerId, fault.code, text);
    output.flush();
    this.#report(fault);
    // To its streams the connection is lost, no matter which side is at fault.
    this.lost(fault);
    hangUp(socket, goawayLingerMs);
  }

  /** Closes it with an answer of another protocol. */
  turnAway(answer: string): void {
    const { socket } = this.#parts;
    const text = 'the connection does not begin with the HTTP/2 preface';
    this.#report(new ConnectionError(ErrorCode.PROTOCOL_ERROR, text, 'not_http2'));
    socket.write(answer);
    this.lost(undefined);
    hangUp(socket, goawayLingerMs);
  }

  /** Closes it after its last stream. */
  end(): void {
    if (this.#closed) return;
    const { socket, output } = this.#parts;
    output.flush();
    this.#close(undefined, ErrorCode.NO_ERROR);
    hangUp(socket, closeTimeoutMs);
  }

  /** Closes it without a word. */
  destroy(error: Error | undefined): void {
    this.#report(error);
    this.lost(error);
    this.#parts.socket.destroy();
  }

  /** Called when the socket is lost. */
  lost(error: Error | undefined): void {
    this.#close(error, ErrorCode.CONNECT_ERROR);
  }

  #report(fault: Error | undefined): void {
    if (this.#closed || !(fault instanceof ConnectionError)) return;
    const { events, guard, streams } = this.#parts;
    events.gaveUp?.(fault, { streams: streams.begunCount, open_streams: streams.size, ...guard.counts });
  }

  #close(error: Error | undefined, code: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    const { events, dispatch, output, streams } = this.#parts;
    dispatch.closed = true;
    output.close();
    for (const stream of streams.clear()) stream.events?.aborted(code);
    events.closed(error);
  }
}

/** The fault for what was thrown. If the peer did not cause it, it is a fault of this side. */
function faultOf(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  if (error instanceof HpackError) return new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message);
  const fault = new ConnectionError(ErrorCode.INTERNAL_ERROR, messageOf(error), 'internal_error');
  fault.cause = error;
  return fault;
}
