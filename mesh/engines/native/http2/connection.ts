import type { Socket } from 'node:net';
import { FloodGuard } from './flood-guard.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import {
  ConnectionError,
  clientPreface,
  defaultFrameBytes,
  defaultWindowBytes,
  ErrorCode,
  Flag,
  FrameType,
  greatestStreamId,
  greatestWindowBytes,
  StreamError,
} from './frames.ts';
import { HeaderBlock } from './header-block.ts';
import { createHpackDecoder, type HpackDecoder, HpackError } from './hpack/decoder.ts';
import type { HeaderList } from './hpack/header-list.ts';
import { type MessageHead, requestHeadOf, responseHeadOf, trailersHeadOf } from './message-head.ts';
import { Output } from './output.ts';
import { ReceiveWindow } from './receive-window.ts';
import { defaultPeerSettings, readSettings, Setting, settingsPayload } from './settings.ts';
import { Http2Stream, type StreamCarrier, type StreamEvents } from './stream.ts';

/** What happens on a connection. */
export interface ConnectionEvents {
  /** A request has begun; what is returned hears of the rest of it. Only at a server. */
  request?(stream: Http2Stream, head: MessageHead): StreamEvents;
  /** The peer takes no streams beyond this one. */
  goaway?(lastStreamId: number, code: ErrorCode): void;
  /** The peer has said how many streams it takes at a time, or something else about itself. */
  settings?(): void;
  /** A stream has ended, so that another may begin. */
  streamClosed?(): void;
  /** It is over; `error` says why when it was not ended on purpose. */
  closed(error: Error | undefined): void;
}

export interface ConnectionOptions {
  readonly role: 'server' | 'client';
  /** How many streams the peer may have open. */
  readonly maxConcurrentStreams: number;
  /** The most that the fields of a message may have, as RFC 9113 counts them. */
  readonly maxHeaderListBytes: number;
  /** The window that each stream begins with. */
  readonly streamWindowBytes: number;
  /** The window that the connection begins with. */
  readonly connectionWindowBytes: number;
}

// A window that is used up within a round trip is doubled up to this.
const greatestGrownBytes = 16 * 1024 * 1024;
// What all streams of a connection may hold that nobody has dealt with; beyond it the peer has to wait.
const greatestHeldBytes = 32 * 1024 * 1024;
// How many streams are remembered that we reset: what their peer sent before it heard of that is no fault.
const rememberedResets = 1_000;

/**
 * One HTTP/2 connection over a socket (RFC 9113): frames, streams, flow control both ways, settings, pings, and its end in
 * two steps. It knows nothing of what its streams are for. A fault of the peer ends the stream or the connection that it
 * concerns, with the code that the RFC says.
 */
export class Http2Connection implements FrameSink, StreamCarrier {
  readonly peer = defaultPeerSettings();
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #isServer: boolean;
  readonly #reader: FrameReader;
  readonly #output: Output;
  readonly #decoder: HpackDecoder;
  readonly #block: HeaderBlock;
  readonly #guard = new FloodGuard();
  readonly #streams = new Map<number, Http2Stream>();
  readonly #blocked = new Set<Http2Stream>();
  readonly #resets = new Set<number>();
  readonly #receiving: ReceiveWindow;
  #dirty: Http2Stream[] = [];
  #sendWindow = defaultWindowBytes;
  #heldBytes = 0;
  #owedBytes = 0;
  #streamWindowBytes: number;
  #lastPeerId = 0;
  #nextId = 1;
  #settled = false;
  #draining = false;
  #refusedAbove = greatestStreamId;
  #closed = false;
  #roomScheduled = false;
  #pings = new Map<string, () => void>();
  #pingCount = 0;
  #probe: { bytes: number; beganMs: number } | undefined;

  constructor(socket: Socket, options: ConnectionOptions, events: ConnectionEvents) {
    this.#socket = socket;
    this.#options = options;
    this.#events = events;
    this.#isServer = options.role === 'server';
    this.#streamWindowBytes = options.streamWindowBytes;
    this.#receiving = new ReceiveWindow(defaultWindowBytes);
    this.#reader = new FrameReader(this, { expectPreface: this.#isServer, maxFrameBytes: defaultFrameBytes });
    this.#output = new Output(socket, () => this.#pumpDirty());
    const { maxHeaderListBytes } = options;
    this.#decoder = createHpackDecoder({ maxTableBytes: 4096, maxHeaderListBytes });
    this.#block = new HeaderBlock(4 * maxHeaderListBytes);
    this.#listen();
    this.#begin();
  }

  get closed(): boolean {
    return this.#closed;
  }

  get congested(): boolean {
    return this.#output.congested;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether the peer has spoken: a connection that never does is none. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Whether a new stream of ours would be taken. */
  get canOpen(): boolean {
    return (
      !this.#closed &&
      !this.#draining &&
      this.#settled &&
      this.#streams.size < this.peer.maxConcurrentStreams &&
      this.#nextId < greatestStreamId
    );
  }

  get exhausted(): boolean {
    return this.#closed || this.#draining || this.#nextId >= greatestStreamId;
  }

  /** Opens a stream with a request's encoded fields. */
  open(block: Uint8Array, endStream: boolean, events: StreamEvents): Http2Stream {
    const stream = new Http2Stream(this, this.#nextId, this.peer.initialWindowBytes, this.#streamWindowBytes);
    this.#nextId += 2;
    stream.events = events;
    this.#streams.set(stream.id, stream);
    stream.sendHeaders(block, endStream);
    return stream;
  }

  /** Sends a ping; `answered` is called when it comes back. */
  ping(answered: () => void): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(0x6d65_7368, 0);
    payload.writeUInt32BE(++this.#pingCount, 4);
    this.#pings.set(payload.toString('latin1'), answered);
    this.#output.header(8, FrameType.PING, 0, 0);
    this.#output.bytes(payload);
    this.schedule();
  }

  /**
   * Takes no new streams: says so, and after a round trip, in which those may come that were under way, says which was
   * the last. The connection closes when its streams have ended.
   */
  drain(): void {
    if (this.#draining || this.#closed) return;
    this.#draining = true;
    if (!this.#isServer) {
      this.#closeWhenIdle();
      return;
    }
    this.#goaway(greatestStreamId, ErrorCode.NO_ERROR, '');
    this.ping(() => {
      this.#refusedAbove = this.#lastPeerId;
      this.#goaway(this.#lastPeerId, ErrorCode.NO_ERROR, '');
      this.#closeWhenIdle();
    });
  }

  /** Ends it now, whatever is under way. */
  destroy(error?: Error): void {
    if (this.#closed) return;
    this.#close(error, ErrorCode.CONNECT_ERROR);
    this.#socket.destroy();
  }

  // Of its streams.

  sendBlock(streamId: number, block: Uint8Array, endStream: boolean): void {
    const most = this.peer.maxFrameBytes;
    const endFlag = endStream ? Flag.END_STREAM : 0;
    if (block.length <= most) {
      this.#output.header(block.length, FrameType.HEADERS, Flag.END_HEADERS | endFlag, streamId);
      this.#output.bytes(block);
    } else {
      this.#output.header(most, FrameType.HEADERS, endFlag, streamId);
      this.#output.bytes(block.subarray(0, most));
      for (let at = most; at < block.length; at += most) {
        const part = block.subarray(at, at + most);
        const last = at + most >= block.length;
        this.#output.header(part.length, FrameType.CONTINUATION, last ? Flag.END_HEADERS : 0, streamId);
        this.#output.bytes(part);
      }
    }
    this.schedule();
  }

  beginData(streamId: number, bytes: number, endStream: boolean): void {
    this.#sendWindow -= bytes;
    this.#output.header(bytes, FrameType.DATA, endStream ? Flag.END_STREAM : 0, streamId);
    this.#guard.usefulFrame();
  }

  sendBytes(bytes: Uint8Array): void {
    this.#output.bytes(bytes);
  }

  /** How much of a stream may go into its next frame. */
  sendable(streamWindow: number): number {
    return Math.min(streamWindow, this.#sendWindow, this.peer.maxFrameBytes);
  }

  markDirty(stream: Http2Stream): void {
    if (stream.dirty) return;
    stream.dirty = true;
    this.#dirty.push(stream);
    this.schedule();
  }

  markBlocked(stream: Http2Stream): void {
    this.#blocked.add(stream);
  }

  schedule(): void {
    this.#output.schedule();
  }

  streamConsumed(stream: Http2Stream, bytes: number): void {
    this.#heldBytes -= bytes;
    if (this.#owedBytes > 0 && this.#heldBytes < greatestHeldBytes / 2) {
      this.#giveConnection(this.#owedBytes);
      this.#owedBytes = 0;
    }
    if (stream.closed || stream.remoteEnded) return;
    const told = stream.receiving.free(bytes);
    if (told > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, stream.id, told);
  }

  sideEnded(stream: Http2Stream): void {
    if (!stream.localEnded || stream.closed) return;
    if (stream.remoteEnded) {
      this.#guard.streamEnded();
      this.#forget(stream);
      return;
    }
    // A server that has answered does not want the rest (RFC 9113 section 8.1).
    if (this.#isServer) this.#reset(stream, ErrorCode.NO_ERROR);
  }

  resetStream(stream: Http2Stream, code: ErrorCode): void {
    this.#reset(stream, code);
  }

  // Of the reader.

  frame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (!this.#settled && type !== FrameType.SETTINGS) throw protocolError('the first frame is not SETTINGS');
    if (this.#block.streamId !== 0 && (type !== FrameType.CONTINUATION || streamId !== this.#block.streamId)) {
      throw protocolError('a frame comes in the middle of a header block');
    }
    switch (type) {
      case FrameType.DATA:
        this.#onData(flags, streamId, buffer, start, end);
        return;
      case FrameType.HEADERS:
        this.#onHeaders(flags, streamId, buffer, start, end);
        return;
      case FrameType.PRIORITY:
        this.#onPriority(streamId, buffer, start, end);
        return;
      case FrameType.RST_STREAM:
        this.#onReset(streamId, buffer, start, end);
        return;
      case FrameType.SETTINGS:
        this.#onSettings(flags, streamId, buffer, start, end);
        return;
      case FrameType.PUSH_PROMISE:
        throw protocolError('PUSH_PROMISE was not allowed');
      case FrameType.PING:
        this.#onPing(flags, streamId, buffer, start, end);
        return;
      case FrameType.GOAWAY:
        this.#onGoaway(streamId, buffer, start, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, buffer, start, end);
        return;
      case FrameType.CONTINUATION:
        this.#onContinuation(flags, streamId, buffer, start, end);
        return;
      default:
        this.#guard.idleFrame();
    }
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#push(chunk));
    socket.on('drain', () => this.#offerRoom());
    socket.on('error', (error) => this.#close(error, ErrorCode.CONNECT_ERROR));
    socket.on('close', () => this.#close(undefined, ErrorCode.CONNECT_ERROR));
  }

  #begin(): void {
    const { maxConcurrentStreams, maxHeaderListBytes, connectionWindowBytes } = this.#options;
    if (!this.#isServer) this.#output.bytes(clientPreface);
    const ours: (readonly [number, number])[] = [
      [Setting.INITIAL_WINDOW_SIZE, this.#streamWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
    ];
    if (this.#isServer) ours.push([Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams]);
    else ours.push([Setting.ENABLE_PUSH, 0]);
    const payload = settingsPayload(ours);
    this.#output.header(payload.length, FrameType.SETTINGS, 0, 0);
    this.#output.bytes(payload);
    this.#growConnection(connectionWindowBytes);
    this.schedule();
  }

  #push(chunk: Buffer): void {
    if (this.#closed) return;
    this.#guard.tick(performance.now());
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
  }

  #onData(flags: number, streamId: number, buffer: Buffer, frameStart: number, frameEnd: number): void {
    if (streamId === 0) throw protocolError('DATA on stream 0');
    const [start, end] = unpadded(flags, buffer, frameStart, frameEnd);
    const bytes = frameEnd - frameStart;
    if (!this.#receiving.take(bytes)) throw flowError('the window of the connection is overrun');
    this.#measure(bytes);
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.remoteEnded) {
      this.#giveConnection(bytes);
      this.#onClosedStream(streamId, 'DATA');
      return;
    }
    if (bytes > 0 || (flags & Flag.END_STREAM) !== 0) this.#guard.usefulFrame();
    else this.#guard.idleFrame();
    if (!stream.receiving.take(bytes)) {
      this.#giveConnection(bytes);
      this.#streamFault(stream, new StreamError(ErrorCode.FLOW_CONTROL_ERROR, 'its window is overrun'));
      return;
    }
    this.#hold(bytes);
    if (stream.expectedBytes !== undefined) stream.expectedBytes -= end - start;
    const last = (flags & Flag.END_STREAM) !== 0;
    if (stream.expectedBytes !== undefined && (stream.expectedBytes < 0 || (last && stream.expectedBytes > 0))) {
      this.streamConsumed(stream, bytes);
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'its length is not as announced'));
      return;
    }
    // Before the handler, so that it can answer and be done.
    if (last) stream.remoteEnded = true;
    if (end > start) stream.events?.data(buffer, start, end);
    const padding = bytes - (end - start);
    if (padding > 0) this.streamConsumed(stream, padding);
    if (last) this.#endRemote(stream, undefined);
  }

  #onHeaders(flags: number, streamId: number, buffer: Buffer, frameStart: number, frameEnd: number): void {
    if (streamId === 0) throw protocolError('HEADERS on stream 0');
    let [start, end] = unpadded(flags, buffer, frameStart, frameEnd);
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < 5) throw frameSizeError('HEADERS without the priority that they announce');
      if ((buffer.readUInt32BE(start) & 0x7fff_ffff) === streamId) this.#selfDependency(streamId);
      start += 5;
    }
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#onBlock(streamId, endStream, buffer.subarray(start, end));
      return;
    }
    this.#block.begin(streamId, endStream, buffer.subarray(start, end));
    end = start;
  }

  #onContinuation(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0 || this.#block.streamId === 0) throw protocolError('CONTINUATION without HEADERS before it');
    const { endStream } = this.#block;
    const block = this.#block.add(buffer.subarray(start, end), (flags & Flag.END_HEADERS) !== 0);
    if (block !== undefined) this.#onBlock(streamId, endStream, block);
  }

  #onBlock(streamId: number, endStream: boolean, block: Buffer): void {
    // Decoded in any case: the table of the peer has to be kept in step.
    const list = this.#decoder.decode(block);
    this.#guard.usefulFrame();
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      this.#onFurtherBlock(stream, list, endStream);
      return;
    }
    if (!this.#isServer || streamId <= this.#lastPeerId) {
      this.#onClosedStream(streamId, 'HEADERS');
      return;
    }
    if (streamId % 2 === 0) throw protocolError('a client opens a stream with an even number');
    this.#lastPeerId = streamId;
    if (streamId > this.#refusedAbove) {
      this.#refuse(streamId);
      return;
    }
    if (this.#streams.size >= this.#options.maxConcurrentStreams) {
      this.#refuse(streamId);
      return;
    }
    this.#onRequest(streamId, list, endStream);
  }

  #onRequest(streamId: number, list: HeaderList, endStream: boolean): void {
    const head = requestHeadOf(list);
    const stream = new Http2Stream(this, streamId, this.peer.initialWindowBytes, this.#streamWindowBytes);
    this.#streams.set(streamId, stream);
    if (head.fault !== undefined) {
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, head.fault));
      return;
    }
    if (endStream && head.contentLength !== undefined && head.contentLength > 0) {
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'its length is not as announced'));
      return;
    }
    stream.expectedBytes = head.contentLength;
    stream.remoteEnded = endStream;
    stream.events = this.#events.request?.(stream, head);
    if (endStream) this.#endRemote(stream, undefined);
  }

  #onFurtherBlock(stream: Http2Stream, list: HeaderList, endStream: boolean): void {
    if (stream.remoteEnded) {
      this.#onClosedStream(stream.id, 'HEADERS');
      return;
    }
    if (!this.#isServer && stream.events?.headers !== undefined && !stream.headed) {
      const head = responseHeadOf(list);
      if (head.fault !== undefined) {
        this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, head.fault));
        return;
      }
      // A response before the response (103 and the like) says nothing.
      if (head.informational && !endStream) return;
      stream.headed = true;
      stream.remoteEnded = endStream;
      stream.events.headers(list);
      if (endStream) this.#endRemote(stream, undefined);
      return;
    }
    const { fault } = trailersHeadOf(list);
    if (fault !== undefined || !endStream) {
      const text = fault ?? 'trailers do not end their stream';
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, text));
      return;
    }
    if (stream.expectedBytes !== undefined && stream.expectedBytes > 0) {
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'its length is not as announced'));
      return;
    }
    stream.remoteEnded = true;
    this.#endRemote(stream, list);
  }

  #onPriority(streamId: number, buffer: Buffer, start: number, end: number): void {
    this.#guard.idleFrame();
    if (streamId === 0) throw protocolError('PRIORITY on stream 0');
    if (end - start !== 5) {
      const stream = this.#streams.get(streamId);
      if (stream) {
        this.#streamFault(stream, new StreamError(ErrorCode.FRAME_SIZE_ERROR, 'PRIORITY of another size'));
        return;
      }
      throw frameSizeError('PRIORITY of another size');
    }
    if ((buffer.readUInt32BE(start) & 0x7fff_ffff) === streamId) this.#selfDependency(streamId);
  }

  #onReset(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId === 0) throw protocolError('RST_STREAM on stream 0');
    if (end - start !== 4) throw frameSizeError('RST_STREAM of another size');
    if (this.#isIdle(streamId)) throw protocolError('RST_STREAM on a stream that was not opened');
    this.#guard.streamReset();
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const code = buffer.readUInt32BE(start) as ErrorCode;
    this.#forget(stream);
    stream.events?.aborted(code);
  }

  #onSettings(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('SETTINGS on a stream');
    if ((flags & Flag.ACK) !== 0) {
      if (end > start) throw frameSizeError('an acknowledgement of SETTINGS with settings in it');
      return;
    }
    if (this.#settled) this.#guard.idleFrame();
    this.#settled = true;
    const windowBefore = this.peer.initialWindowBytes;
    readSettings(this.peer, buffer, start, end);
    this.#output.settingsAck();
    this.#shiftWindows(this.peer.initialWindowBytes - windowBefore);
    this.#events.settings?.();
  }

  #shiftWindows(by: number): void {
    if (by === 0) return;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += by;
      if (stream.sendWindow > greatestWindowBytes) throw flowError('a window grows beyond 2^31 by SETTINGS');
    }
    this.#pumpBlocked();
  }

  #onPing(flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('PING on a stream');
    if (end - start !== 8) throw frameSizeError('PING of another size');
    if ((flags & Flag.ACK) !== 0) {
      const payload = buffer.toString('latin1', start, end);
      const answered = this.#pings.get(payload);
      this.#pings.delete(payload);
      answered?.();
      return;
    }
    this.#guard.idleFrame();
    this.#output.header(8, FrameType.PING, Flag.ACK, 0);
    this.#output.bytes(buffer.subarray(start, end));
    this.schedule();
  }

  #onGoaway(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw protocolError('GOAWAY on a stream');
    if (end - start < 8) throw frameSizeError('GOAWAY that is too short');
    const lastId = buffer.readUInt32BE(start) & 0x7fff_ffff;
    const code = buffer.readUInt32BE(start + 4) as ErrorCode;
    if (!this.#isServer) {
      this.#draining = true;
      for (const stream of [...this.#streams.values()]) {
        if (stream.id <= lastId) continue;
        this.#forget(stream);
        stream.events?.aborted(ErrorCode.REFUSED_STREAM);
      }
    }
    this.#events.goaway?.(lastId, code);
    this.#closeWhenIdle();
  }

  #onWindowUpdate(streamId: number, buffer: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw frameSizeError('WINDOW_UPDATE of another size');
    this.#guard.idleFrame();
    const increment = buffer.readUInt32BE(start) & 0x7fff_ffff;
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of 0');
      this.#sendWindow += increment;
      if (this.#sendWindow > greatestWindowBytes) throw flowError('the window of the connection is beyond 2^31');
      this.#pumpBlocked();
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#isIdle(streamId)) throw protocolError('WINDOW_UPDATE on a stream that was not opened');
      return;
    }
    if (increment === 0) {
      this.#streamFault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0'));
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > greatestWindowBytes) {
      this.#streamFault(stream, new StreamError(ErrorCode.FLOW_CONTROL_ERROR, 'its window is beyond 2^31'));
      return;
    }
    if (this.#blocked.delete(stream)) this.#pumpAgain(stream);
  }

  #pumpDirty(): void {
    const dirty = this.#dirty;
    if (dirty.length === 0) return;
    this.#dirty = [];
    for (const stream of dirty) this.#pumpAgain(stream);
  }

  /** In turn, so that no stream has to wait for all of another. */
  #pumpBlocked(): void {
    for (const stream of [...this.#blocked]) {
      if (this.#sendWindow <= 0) return;
      this.#blocked.delete(stream);
      this.#pumpAgain(stream);
    }
  }

  #pumpAgain(stream: Http2Stream): void {
    stream.pump();
    this.schedule();
    if (stream.wantsRoom && !this.#roomScheduled) {
      this.#roomScheduled = true;
      // In another turn: a writer that always has something would keep everyone else out.
      setImmediate(() => this.#offerRoom());
    }
  }

  #offerRoom(): void {
    this.#roomScheduled = false;
    if (this.#closed || this.congested) return;
    for (const stream of this.#streams.values()) {
      if (!stream.wantsRoom || !stream.hasRoom) continue;
      stream.wantsRoom = false;
      stream.events?.writable();
    }
  }

  #hold(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes < greatestHeldBytes) this.#giveConnection(bytes);
    else this.#owedBytes += bytes;
  }

  #giveConnection(bytes: number): void {
    const told = this.#receiving.free(bytes);
    if (told > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, told);
  }

  #growConnection(bytes: number): void {
    const more = this.#receiving.growTo(bytes);
    if (more > 0) this.#output.numberFrame(FrameType.WINDOW_UPDATE, 0, more);
  }

  /** Finds out by a ping whether the window is what limits the link, and doubles it then. */
  #measure(bytes: number): void {
    if (this.#probe !== undefined) {
      this.#probe.bytes += bytes;
      return;
    }
    if (this.#receiving.bytes >= greatestGrownBytes || bytes < defaultFrameBytes / 2) return;
    const probe = { bytes, beganMs: performance.now() };
    this.#probe = probe;
    this.ping(() => {
      this.#probe = undefined;
      if (probe.bytes * 3 < this.#receiving.bytes * 2) return;
      const grown = Math.min(2 * this.#receiving.bytes, greatestGrownBytes);
      this.#growConnection(grown);
      this.#growStreams(Math.min(grown, greatestGrownBytes / 4));
    });
  }

  #growStreams(bytes: number): void {
    if (bytes <= this.#streamWindowBytes) return;
    this.#streamWindowBytes = bytes;
    const payload = settingsPayload([[Setting.INITIAL_WINDOW_SIZE, bytes]]);
    this.#output.header(payload.length, FrameType.SETTINGS, 0, 0);
    this.#output.bytes(payload);
    this.schedule();
    // The setting changes the windows of streams that are open too.
    for (const stream of this.#streams.values()) stream.receiving.growTo(bytes);
  }

  #endRemote(stream: Http2Stream, trailers: HeaderList | undefined): void {
    stream.events?.ended(trailers);
    if (stream.localEnded && !stream.closed) {
      this.#guard.streamEnded();
      this.#forget(stream);
    }
  }

  #streamFault(stream: Http2Stream, error: StreamError): void {
    // What the peer makes us reset costs us as much as what it resets itself.
    this.#guard.streamReset();
    const { events } = stream;
    this.#reset(stream, error.code);
    events?.aborted(error.code);
  }

  #selfDependency(streamId: number): void {
    const stream = this.#streams.get(streamId);
    const error = new StreamError(ErrorCode.PROTOCOL_ERROR, 'a stream depends on itself');
    if (stream) {
      this.#streamFault(stream, error);
      return;
    }
    throw protocolError(error.message);
  }

  #reset(stream: Http2Stream, code: ErrorCode): void {
    this.#remember(stream.id);
    this.#output.numberFrame(FrameType.RST_STREAM, stream.id, code);
    this.#forget(stream);
  }

  #refuse(streamId: number): void {
    this.#guard.streamReset();
    this.#remember(streamId);
    this.#output.numberFrame(FrameType.RST_STREAM, streamId, ErrorCode.REFUSED_STREAM);
  }

  #remember(streamId: number): void {
    this.#resets.add(streamId);
    if (this.#resets.size > rememberedResets) {
      const [oldest] = this.#resets;
      if (oldest !== undefined) this.#resets.delete(oldest);
    }
  }

  /** A frame for a stream that is not open: what was under way when we reset it, or a fault. */
  #onClosedStream(streamId: number, what: string): void {
    if (this.#isIdle(streamId)) throw protocolError(`${what} on a stream that was not opened`);
    if (this.#resets.has(streamId)) return;
    const stream = this.#streams.get(streamId);
    if (stream) {
      this.#streamFault(stream, new StreamError(ErrorCode.STREAM_CLOSED, `${what} after its end`));
      return;
    }
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, `${what} on a stream that is closed`);
  }

  #isIdle(streamId: number): boolean {
    const isOurs = streamId % 2 === (this.#isServer ? 0 : 1);
    return isOurs ? streamId >= this.#nextId || this.#isServer : streamId > this.#lastPeerId;
  }

  #forget(stream: Http2Stream): void {
    stream.drop();
    this.#streams.delete(stream.id);
    this.#blocked.delete(stream);
    this.#events.streamClosed?.();
    if (this.#draining) this.#closeWhenIdle();
  }

  #goaway(lastId: number, code: ErrorCode, text: string): void {
    const debug = Buffer.from(text);
    this.#output.header(8 + debug.length, FrameType.GOAWAY, 0, 0);
    this.#output.uint32(lastId);
    this.#output.uint32(code);
    this.#output.bytes(debug);
    this.schedule();
  }

  #closeWhenIdle(): void {
    if (this.#streams.size > 0 || this.#closed) return;
    if (this.#isServer && this.#refusedAbove === greatestStreamId) return;
    this.#output.flush();
    this.#close(undefined, ErrorCode.NO_ERROR);
    this.#socket.end();
  }

  #fail(error: unknown): void {
    const fault = error instanceof HpackError ? new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message) : error;
    const code = fault instanceof ConnectionError ? fault.code : ErrorCode.INTERNAL_ERROR;
    this.#goaway(this.#lastPeerId, code, fault instanceof ConnectionError ? fault.message : '');
    this.#output.flush();
    this.#close(fault instanceof Error ? fault : new Error(String(fault)), code);
    this.#socket.end();
    // What it still sends is not read; it has this long to read what we said.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  #close(error: Error | undefined, code: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output.close();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#blocked.clear();
    for (const stream of streams) {
      stream.drop();
      stream.events?.aborted(code);
    }
    this.#events.closed(error);
  }
}

/** Where the payload of a frame is without its padding. */
function unpadded(flags: number, buffer: Buffer, start: number, end: number): [start: number, end: number] {
  if ((flags & Flag.PADDED) === 0) return [start, end];
  if (start === end) throw frameSizeError('a padded frame without the length of its padding');
  const padding = buffer[start] ?? 0;
  if (padding > end - start - 1) throw protocolError('the padding of a frame is longer than the frame');
  return [start + 1, end - padding];
}

function protocolError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

function frameSizeError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, message);
}

function flowError(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, message);
}
