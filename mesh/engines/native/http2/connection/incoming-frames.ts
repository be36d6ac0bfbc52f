import type { FrameHandler } from '../codec/frame-dispatch.ts';
import { ConnectionError, ErrorCode, protocolError, StreamError } from '../codec/frames.ts';
import type { Output } from '../codec/output.ts';
import { type PeerSettings, readSettings } from '../codec/settings.ts';
import type { FloodGuard } from '../streams/flood-guard.ts';
import type { SendFlow } from '../streams/send-flow.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { IncomingBlocks } from './incoming-blocks.ts';
import type { IncomingBodies } from './incoming-bodies.ts';
import type { Pings } from './pings.ts';

export interface IncomingFramesParts {
  readonly isServer: boolean;
  readonly peer: PeerSettings;
  readonly guard: FloodGuard;
  readonly output: Output;
  readonly pings: Pings;
  readonly streams: StreamTable;
  readonly sending: SendFlow;
  readonly blocks: IncomingBlocks;
  readonly bodies: IncomingBodies;
  /** Called with each table size that the peer announces. */
  readonly onTableSize: (bytes: number) => void;
  /** Called after the settings of the peer have changed. */
  readonly onSettings: () => void;
  readonly onGoaway: (lastStreamId: number, code: ErrorCode, text: string) => void;
}

/** Acts on each frame of a connection. */
export class IncomingFrames implements FrameHandler {
  readonly bodies: IncomingBodies;
  readonly blocks: IncomingBlocks;
  readonly #parts: IncomingFramesParts;
  readonly #guard: FloodGuard;
  readonly #streams: StreamTable;

  constructor(parts: IncomingFramesParts) {
    this.#parts = parts;
    this.#guard = parts.guard;
    this.#streams = parts.streams;
    this.blocks = parts.blocks;
    this.bodies = parts.bodies;
  }

  onSelfDependency(streamId: number): void {
    const text = 'a stream depends on itself';
    const stream = this.#streams.find(streamId);
    if (stream === undefined) throw protocolError(text);
    this.#streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, text));
  }

  onPriority(streamId: number, wellFormed: boolean): void {
    this.#guard.idleFrame();
    if (wellFormed) return;
    const text = 'PRIORITY is not 5 bytes long';
    const stream = this.#streams.find(streamId);
    if (stream === undefined) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, text);
    this.#streams.fault(stream, new StreamError(ErrorCode.FRAME_SIZE_ERROR, text));
  }

  onReset(streamId: number, code: ErrorCode): void {
    if (this.#streams.isIdle(streamId)) throw protocolError('RST_STREAM on a stream that was not opened');
    const stream = this.#streams.find(streamId);
    // A server may refuse streams as often as it likes. A client that got its response before it had sent everything resets a
    // stream that is closed here.
    // A client may leave a stream whose response has begun.
    if (this.#parts.isServer && stream === undefined) this.#guard.idleFrame();
    else if (this.#parts.isServer && !stream?.answered) this.#guard.streamReset();
    if (stream === undefined) return;
    this.#streams.remove(stream);
    // CONNECT_ERROR of this side means that the connection is lost.
    stream.events?.aborted(code === ErrorCode.CONNECT_ERROR ? ErrorCode.INTERNAL_ERROR : code);
  }

  onSettings(buffer: Buffer, start: number, end: number, isFirst: boolean): void {
    const { peer, output, sending, onSettings } = this.#parts;
    if (!isFirst) this.#guard.idleFrame();
    const windowBefore = peer.initialWindowBytes;
    readSettings(peer, this.#parts, buffer, start, end);
    output.settingsAck();
    sending.shiftAll(peer.initialWindowBytes - windowBefore);
    onSettings();
  }

  onSettingsAcknowledged(): void {
    // This side sends few SETTINGS, so acknowledgements that match none are not distinguished.
    this.#guard.idleFrame();
  }

  onPing(isAnswer: boolean, buffer: Buffer, start: number): void {
    const { pings } = this.#parts;
    if (isAnswer && pings.acknowledged(buffer, start)) return;
    this.#guard.idleFrame();
    if (isAnswer) return;
    if (this.#parts.isServer) this.#guard.pinged(this.#streams.size > 0);
    pings.answer(buffer, start);
  }

  onGoaway(lastStreamId: number, code: ErrorCode, text: string): void {
    this.#guard.idleFrame();
    this.#parts.onGoaway(lastStreamId, code, text);
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.#guard.idleFrame();
    const { sending } = this.#parts;
    const stream = this.#streams.find(streamId);
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of 0');
      sending.grow(increment);
    } else if (stream === undefined) {
      if (this.#streams.isIdle(streamId)) throw protocolError('WINDOW_UPDATE on a stream that was not opened');
    } else if (increment === 0) {
      this.#streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0'));
    } else {
      sending.growStream(stream, increment);
    }
  }

  onUnknown(): void {
    this.#guard.idleFrame();
  }
}
