import { ErrorCode, Flag, FrameType } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import type { PeerSettings } from '../codec/settings.ts';
import { BlockWriter } from '../hpack/block-writer.ts';
import { TableSize } from '../hpack/tables/table-size.ts';
import type { FloodGuard } from './flood-guard.ts';
import type { ReceiveFlow } from './receive-flow.ts';
import type { SendFlow } from './send-flow.ts';
import type { Http2Stream, StreamCarrier } from './stream.ts';
import type { StreamTable } from './stream-table.ts';

// A frame with fewer bytes costs more than it carries.
const usefulBytes = 1024;

// Shared by all connections, because its content is taken immediately.
const writer = new BlockWriter();

export interface StreamPortParts {
  readonly isServer: boolean;
  readonly peer: PeerSettings;
  readonly output: Output;
  readonly guard: FloodGuard;
  readonly streams: StreamTable;
  readonly sending: SendFlow;
  readonly receiving: ReceiveFlow;
}

/** The connection as its streams see it. */
export class StreamPort implements StreamCarrier {
  readonly sendBytes = (bytes: Uint8Array): void => this.output.bytes(bytes);
  readonly #isServer: boolean;
  readonly peer: PeerSettings;
  readonly output: Output;
  readonly #guard: FloodGuard;
  readonly #streams: StreamTable;
  readonly sending: SendFlow;
  readonly receiving: ReceiveFlow;
  /** A server's blocks use no table, but they have to acknowledge the size that the peer allows. */
  readonly #tableSize = new TableSize();

  constructor({ isServer, peer, output, guard, streams, sending, receiving }: StreamPortParts) {
    this.#isServer = isServer;
    this.peer = peer;
    this.output = output;
    this.#guard = guard;
    this.#streams = streams;
    this.sending = sending;
    this.receiving = receiving;
  }

  /** Limits the table to what the peer accepts. Only at a server: the encoder of a client announces the size itself. */
  limitTable(bytes: number): void {
    this.#tableSize.limitTo(bytes);
  }

  sendBlock(streamId: number, fields: Uint8Array, endStream: boolean): void {
    const block = this.#tableSize.isDue ? this.#withTableSize(fields) : fields;
    const max = this.peer.maxFrameBytes;
    const endFlag = endStream ? Flag.END_STREAM : 0;
    const first = Math.min(block.length, max);
    const isWhole = first === block.length;
    this.output.header(first, FrameType.HEADERS, endFlag | (isWhole ? Flag.END_HEADERS : 0), streamId);
    this.output.bytes(isWhole ? block : block.subarray(0, max));
    for (let at = max; at < block.length; at += max) {
      const part = block.subarray(at, at + max);
      const isLast = at + max >= block.length;
      this.output.header(part.length, FrameType.CONTINUATION, isLast ? Flag.END_HEADERS : 0, streamId);
      this.output.bytes(part);
    }
    this.#guard.contentSent();
    this.output.schedule();
  }

  beginData(streamId: number, bytes: number, endStream: boolean, isCut: boolean): void {
    this.sending.spend(bytes);
    this.#guard.contentSent();
    this.output.header(bytes, FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId);
    // A peer that opens its window in tiny steps only makes work.
    if (!isCut || bytes >= usefulBytes) this.#guard.usefulFrame();
  }

  sideEnded(stream: Http2Stream): void {
    if (!stream.localEnded || stream.closed) return;
    if (stream.remoteEnded) {
      this.#guard.streamEnded();
      this.#streams.remove(stream);
      return;
    }
    // A server that has answered does not want the rest (RFC 9113 section 8.1).
    if (this.#isServer) this.#streams.reset(stream, ErrorCode.NO_ERROR);
  }

  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#streams.reset(stream, code);
  }

  #withTableSize(fields: Uint8Array): Buffer {
    writer.begin();
    this.#tableSize.write(writer);
    return Buffer.concat([writer.take(), fields]);
  }
}
