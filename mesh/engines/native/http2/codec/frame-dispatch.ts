import type { FrameSink } from './frame-reader.ts';
import { type ErrorCode, Flag, FrameType, frameSizeError, protocolError } from './frames.ts';
import { HeaderBlock } from './header-block.ts';

/** Receives the pieces of bodies. */
export interface BodySink {
  /** A piece from `start` to `end`; with its padding it took `frameBytes` off the windows. */
  take(streamId: number, buffer: Buffer, start: number, end: number, frameBytes: number, endStream: boolean): void;
}

/** Receives header blocks. */
export interface BlockSink {
  /** A complete block from `start` to `end`. */
  take(streamId: number, buffer: Buffer, start: number, end: number, endStream: boolean): void;
}

/** Acts on frames whose form is valid. What it throws ends the connection. */
export interface FrameHandler {
  readonly bodies: BodySink;
  readonly blocks: BlockSink;
  /** HEADERS or PRIORITY that make a stream depend on itself. */
  onSelfDependency(streamId: number): void;
  /** PRIORITY. If it is not well-formed, its size is wrong, which ends its stream. */
  onPriority(streamId: number, wellFormed: boolean): void;
  onReset(streamId: number, code: ErrorCode): void;
  /** `isFirst`: this is the first frame of the peer. */
  onSettings(buffer: Buffer, start: number, end: number, isFirst: boolean): void;
  onSettingsAcknowledged(): void;
  onPing(isAnswer: boolean, buffer: Buffer, start: number): void;
  /** `text` is for people, except `too_many_pings`. */
  onGoaway(lastStreamId: number, code: ErrorCode, text: string): void;
  /** `streamId` 0: the window of the connection. */
  onWindowUpdate(streamId: number, increment: number): void;
  /** A frame of an unknown type. */
  onUnknown(): void;
}

const priorityBytes = 5;
// The text of a GOAWAY is a hint, and some peers send a lot.
const maxTextBytes = 200;

/** Checks the form and order of the frames of a connection, joins header blocks, and dispatches both by their type. */
export class FrameDispatch implements FrameSink {
  readonly #handler: FrameHandler;
  readonly #block: HeaderBlock;
  #settled = false;
  /** Whether no further frames are accepted. */
  closed = false;

  /** `maxBlockBytes`: the maximum size of a header block before it is decoded. */
  constructor(handler: FrameHandler, maxBlockBytes: number) {
    this.#handler = handler;
    this.#block = new HeaderBlock(maxBlockBytes);
  }

  /** Whether the peer has sent its first SETTINGS. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether a header block is incomplete. */
  get midBlock(): boolean {
    return this.#block.streamId !== 0;
  }

  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (!this.#settled && type !== FrameType.SETTINGS) throw protocolError('the first frame is not SETTINGS');
    if (this.#block.streamId !== 0 && (type !== FrameType.CONTINUATION || streamId !== this.#block.streamId)) {
      throw protocolError('a frame interrupts a header block');
    }
    switch (type) {
      case FrameType.DATA:
        this.#data(flags, streamId, buffer, start, end);
        break;
      case FrameType.HEADERS:
        this.#headers(flags, streamId, buffer, start, end);
        break;
      case FrameType.PRIORITY:
        this.#priority(streamId, buffer, start, end);
        break;
      case FrameType.RST_STREAM:
        this.#reset(streamId, buffer, start, end);
        break;
      case FrameType.SETTINGS:
        this.#settings(flags, streamId, buffer, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE is not allowed');
      case FrameType.PING:
        this.#ping(flags, streamId, buffer, start, end);
        break;
      case FrameType.GOAWAY:
        this.#goaway(streamId, buffer, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#windowUpdate(streamId, buffer, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#continuation(flags, streamId, buffer, start, end);
        break;
      default:
        this.#handler.onUnknown();
    }
  }

  #data(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('DATA on stream 0');
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.PADDED) === 0) {
      this.#handler.bodies.take(streamId, buffer, start, end, end - start, endStream);
      return;
    }
    const dataEnd = end - paddingOf(buffer, start, end);
    this.#handler.bodies.take(streamId, buffer, start + 1, dataEnd, end - start, endStream);
  }

  #headers(flags: number, streamId: number, buffer: Buffer, frameStart: number, frameEnd: number): void {
    if (streamId === 0) throw protocolError('HEADERS on stream 0');
    const isPadded = (flags & Flag.PADDED) !== 0;
    const end = isPadded ? frameEnd - paddingOf(buffer, frameStart, frameEnd) : frameEnd;
    let start = isPadded ? frameStart + 1 : frameStart;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < priorityBytes) throw frameSizeError('HEADERS are too short for their priority');
      if (dependencyAt(buffer, start) === streamId) this.#handler.onSelfDependency(streamId);
      start += priorityBytes;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) this.#handler.blocks.take(streamId, buffer, start, end, endStream);
    else this.#block.begin(streamId, endStream, buffer.subarray(start, end));
  }

  #continuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (this.#block.streamId === 0) throw protocolError('CONTINUATION without HEADERS before it');
    const { endStream } = this.#block;
    const block = this.#block.add(buffer.subarray(start, end), (flags & Flag.END_HEADERS) !== 0);
    if (block !== undefined) this.#handler.blocks.take(streamId, block, 0, block.length, endStream);
  }

  #priority(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('PRIORITY on stream 0');
    const isWellFormed = end - start === priorityBytes;
    this.#handler.onPriority(streamId, isWellFormed);
    if (isWellFormed && dependencyAt(buffer, start) === streamId) this.#handler.onSelfDependency(streamId);
  }

  #reset(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('RST_STREAM on stream 0');
    if (end - start !== 4) throw frameSizeError('RST_STREAM is not 4 bytes long');
    this.#handler.onReset(streamId, buffer.readUInt32BE(start) as ErrorCode);
  }

  #settings(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS on a stream');
    if ((flags & Flag.ACK) !== 0) {
      if (!this.#settled) throw protocolError('the first frame acknowledges SETTINGS');
      if (end > start) throw frameSizeError('an acknowledgement of SETTINGS has a payload');
      this.#handler.onSettingsAcknowledged();
      return;
    }
    const isFirst = !this.#settled;
    this.#settled = true;
    this.#handler.onSettings(buffer, start, end, isFirst);
  }

  #ping(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('PING on a stream');
    if (end - start !== 8) throw frameSizeError('PING is not 8 bytes long');
    this.#handler.onPing((flags & Flag.ACK) !== 0, buffer, start);
  }

  #goaway(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('GOAWAY on a stream');
    if (end - start < 8) throw frameSizeError('GOAWAY is shorter than 8 bytes');
    const lastStreamId = buffer.readUInt32BE(start) & 0x7fff_ffff;
    const text = buffer.toString('utf8', start + 8, Math.min(end, start + 8 + maxTextBytes));
    this.#handler.onGoaway(lastStreamId, buffer.readUInt32BE(start + 4) as ErrorCode, text);
  }

  #windowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('WINDOW_UPDATE is not 4 bytes long');
    this.#handler.onWindowUpdate(streamId, buffer.readUInt32BE(start) & 0x7fff_ffff);
  }
}

/** The length of the padding at the end of a padded frame. */
function paddingOf(buffer: Buffer, start: number, end: number): number {
  if (start === end) throw frameSizeError('a padded frame has no padding length');
  const padding = buffer[start] ?? 0;
  if (padding > end - start - 1) throw protocolError('the padding of a frame is longer than the frame');
  return padding;
}

/** The stream that the priority at this place depends on. */
function dependencyAt(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at) & 0x7fff_ffff;
}
