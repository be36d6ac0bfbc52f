import type { Socket } from 'node:net';
import type { ConnectionEvents, ConnectionOptions } from './connection-options.ts';
import { protocolError } from './faults.ts';
import { FloodGuard } from './flood-guard.ts';
import { FrameDispatch, type FrameHandler } from './frame-dispatch.ts';
import { FrameReader } from './frame-reader.ts';
import { ConnectionError, clientPreface, defaultFrameBytes, ErrorCode, StreamError } from './frames.ts';
import { HpackError } from './hpack/decoder.ts';
import type { HeaderList } from './hpack/header-list.ts';
import { type BlockReceiver, IncomingBlocks } from './incoming-blocks.ts';
import { IncomingBodies } from './incoming-bodies.ts';
import type { MessageHead } from './message-head.ts';
import { Output } from './output.ts';
import { Pings } from './pings.ts';
import { ReceiveFlow } from './receive-flow.ts';
import { SendFlow } from './send-flow.ts';
import { defaultPeerSettings, readSettings, Setting, sendSettings } from './settings.ts';
import { Shutdown, sendGoaway } from './shutdown.ts';
import { Http2Stream, type StreamEvents } from './stream.ts';
import { StreamPort } from './stream-port.ts';
import { StreamTable } from './stream-table.ts';

// Frames that no window holds back, such as acknowledgements and headers: a peer that makes us send more and reads nothing
// fills our memory.
const greatestUnreadBytes = 1024 * 1024;
// How long a peer that made a fault has to read what we said of it.
const lastWordsMs = 1_000;

/**
 * One HTTP/2 connection over a socket (RFC 9113): frames, streams, flow control both ways, settings, pings, and its end in
 * two steps. It knows nothing of what its streams are for. A fault of the peer ends the stream or the connection that it
 * concerns, with the code that the RFC says.
 */
export class Http2Connection implements FrameHandler, BlockReceiver {
  /** What the peer has said of itself. */
  readonly peer = defaultPeerSettings();
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #isServer: boolean;
  readonly #guard = new FloodGuard();
  readonly #output: Output;
  readonly #reader: FrameReader;
  readonly #dispatch: FrameDispatch;
  readonly #streams: StreamTable;
  readonly #pings: Pings;
  readonly #sending: SendFlow;
  readonly #receiving: ReceiveFlow;
  readonly #blocks: IncomingBlocks;
  readonly #bodies: IncomingBodies;
  readonly #port: StreamPort;
  readonly #shutdown: Shutdown;
  #closed = false;

  constructor(socket: Socket, options: ConnectionOptions, events: ConnectionEvents) {
    const { role, maxHeaderListBytes, maxConcurrentStreams, streamWindowBytes } = options;
    const isServer = role === 'server';
    this.#socket = socket;
    this.#events = events;
    this.#isServer = isServer;
    const output = new Output(socket, () => this.#sending.pumpDirty());
    const guard = this.#guard;
    const pings = new Pings(output);
    const streams = new StreamTable(isServer, output, guard, (stream) => this.#onRemoved(stream));
    const sending = new SendFlow(output, this.peer, streams);
    const receiving = new ReceiveFlow(output, pings, streams, streamWindowBytes);
    const limits = { isServer, maxHeaderListBytes, maxConcurrentStreams };
    const blocks = new IncomingBlocks(limits, streams, receiving, guard, this);
    this.#output = output;
    this.#pings = pings;
    this.#streams = streams;
    this.#sending = sending;
    this.#receiving = receiving;
    this.#blocks = blocks;
    this.#bodies = new IncomingBodies(streams, receiving, guard, this);
    this.#port = new StreamPort({ isServer, peer: this.peer, output, guard, streams, sending, receiving });
    this.#shutdown = new Shutdown({ isServer, output, pings, streams, blocks, end: () => this.#end() });
    this.#dispatch = new FrameDispatch(this, 4 * maxHeaderListBytes);
    this.#reader = new FrameReader(this.#dispatch, { expectPreface: isServer, maxFrameBytes: defaultFrameBytes });
    this.#listen();
    this.#begin(options);
  }

  get closed(): boolean {
    return this.#closed;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether the peer has spoken: a connection that never does is none. */
  get settled(): boolean {
    return this.#dispatch.settled;
  }

  /** Whether the peer has begun a header block that it has not ended, so that nothing else can come. */
  get midBlock(): boolean {
    return this.#dispatch.midBlock;
  }

  /** Whether a new stream of ours would be taken. */
  get canOpen(): boolean {
    const isOpen = !this.#closed && !this.#shutdown.begun && this.settled;
    return isOpen && !this.#streams.exhausted && this.#streams.size < this.peer.maxConcurrentStreams;
  }

  /** Opens a stream with a request's encoded fields. */
  open(block: Uint8Array, endStream: boolean, events: StreamEvents): Http2Stream {
    const stream = this.#createStream(this.#streams.takeId());
    stream.events = events;
    stream.sendHeaders(block, endStream);
    return stream;
  }

  /** Sends a ping; `answered` is called when it comes back. */
  ping(answered: () => void): void {
    this.#pings.send(answered);
  }

  /** Takes no new streams, and closes when those that there are have ended. */
  drain(): void {
    if (!this.#closed) this.#shutdown.begin();
  }

  /** Ends it now, whatever is under way. */
  destroy(error?: Error): void {
    this.#close(error, ErrorCode.CONNECT_ERROR);
    this.#socket.destroy();
  }

  /** Ends it since the peer costs more than it is worth; it is told so. */
  giveUp(why: string): void {
    if (!this.#closed) this.#fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, why));
  }

  /** Ends the streams whose answer is complete and of which nothing could be sent since `sinceMs`. */
  endStuckAnswers(sinceMs: number): void {
    for (const stream of this.#sending.stuckSince(sinceMs)) this.#streams.reset(stream, ErrorCode.CANCEL);
  }

  // What the peer's frames say.

  onData(streamId: number, buffer: Buffer, start: number, end: number, frameBytes: number, endStream: boolean): void {
    this.#bodies.take(streamId, buffer, start, end, frameBytes, endStream);
  }

  onBlock(streamId: number, buffer: Buffer, start: number, end: number, endStream: boolean): void {
    this.#blocks.take(streamId, buffer, start, end, endStream);
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
    const text = 'PRIORITY of another size';
    const stream = this.#streams.find(streamId);
    if (stream === undefined) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, text);
    this.#streams.fault(stream, new StreamError(ErrorCode.FRAME_SIZE_ERROR, text));
  }

  onReset(streamId: number, code: ErrorCode): void {
    if (this.#streams.isIdle(streamId)) throw protocolError('RST_STREAM on a stream that was not opened');
    this.#guard.streamReset();
    const stream = this.#streams.find(streamId);
    if (stream === undefined) return;
    this.#streams.remove(stream);
    stream.events?.aborted(code);
  }

  onSettings(buffer: Buffer, start: number, end: number, isFirst: boolean): void {
    if (!isFirst) this.#guard.idleFrame();
    const windowBefore = this.peer.initialWindowBytes;
    readSettings(this.peer, buffer, start, end);
    this.#output.settingsAck();
    this.#sending.shiftAll(this.peer.initialWindowBytes - windowBefore);
    this.#events.settings?.();
  }

  onSettingsAcknowledged(): void {
    // We send few, so that these are not told from acknowledgements of nothing.
    this.#guard.idleFrame();
  }

  onPing(isAnswer: boolean, buffer: Buffer, start: number): void {
    if (isAnswer) {
      if (!this.#pings.acknowledged(buffer, start)) this.#guard.idleFrame();
      return;
    }
    this.#guard.idleFrame();
    this.#pings.answer(buffer, start);
  }

  onGoaway(lastStreamId: number, code: ErrorCode): void {
    this.#guard.idleFrame();
    if (!this.#isServer) {
      this.#shutdown.beginByPeer();
      for (const stream of this.#streams.all()) {
        if (stream.id <= lastStreamId) continue;
        this.#streams.remove(stream);
        stream.events?.aborted(ErrorCode.REFUSED_STREAM);
      }
    }
    this.#events.goaway?.(lastStreamId, code);
    this.#shutdown.check();
  }

  onWindowUpdate(streamId: number, increment: number): void {
    this.#guard.idleFrame();
    const stream = this.#streams.find(streamId);
    if (streamId === 0) {
      if (increment === 0) throw protocolError('WINDOW_UPDATE of 0');
      this.#sending.grow(increment);
    } else if (stream === undefined) {
      if (this.#streams.isIdle(streamId)) throw protocolError('WINDOW_UPDATE on a stream that was not opened');
    } else if (increment === 0) {
      this.#streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, 'WINDOW_UPDATE of 0'));
    } else {
      this.#sending.growStream(stream, increment);
    }
  }

  onUnknown(): void {
    this.#guard.idleFrame();
  }

  onRequest(streamId: number, head: MessageHead, endStream: boolean): void {
    const stream = this.#createStream(streamId);
    const hasTooLittle = endStream && (head.contentLength ?? 0) > 0;
    const fault = head.fault ?? (hasTooLittle ? 'its length is not as announced' : undefined);
    if (fault !== undefined) {
      this.#streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, fault));
      return;
    }
    stream.expectedBytes = head.contentLength;
    stream.remoteEnded = endStream;
    stream.events = this.#events.request?.(stream, head);
    if (endStream) this.onEnd(stream, undefined);
  }

  onEnd(stream: Http2Stream, trailers: HeaderList | undefined): void {
    stream.events?.ended(trailers);
    this.#port.sideEnded(stream);
  }

  #createStream(streamId: number): Http2Stream {
    const stream = new Http2Stream(
      this.#port,
      streamId,
      this.peer.initialWindowBytes,
      this.#receiving.streamWindowBytes,
    );
    this.#streams.add(stream);
    return stream;
  }

  #onRemoved(stream: Http2Stream): void {
    this.#sending.forget(stream);
    // A client may still read what came of a response that has ended.
    if (this.#isServer || !stream.remoteEnded) this.#receiving.abandon(stream);
    this.#events.streamClosed?.();
    this.#shutdown.check();
  }

  #listen(): void {
    const socket = this.#socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#push(chunk));
    socket.on('drain', () => this.#sending.offerRoom());
    socket.on('error', (error) => this.#close(error, ErrorCode.CONNECT_ERROR));
    socket.on('close', () => this.#close(undefined, ErrorCode.CONNECT_ERROR));
  }

  #begin({
    maxConcurrentStreams,
    maxHeaderListBytes,
    streamWindowBytes,
    connectionWindowBytes,
  }: ConnectionOptions): void {
    if (!this.#isServer) this.#output.bytes(clientPreface);
    sendSettings(this.#output, [
      [Setting.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [Setting.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
      this.#isServer ? [Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams] : [Setting.ENABLE_PUSH, 0],
    ]);
    this.#receiving.growTo(connectionWindowBytes);
  }

  #push(chunk: Buffer): void {
    if (this.#closed) return;
    this.#guard.tick(performance.now());
    try {
      this.#reader.push(chunk);
      if (this.#output.unreadAnswerBytes > greatestUnreadBytes) {
        throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, 'it reads nothing of what it makes us answer');
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    const fault = error instanceof HpackError ? new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message) : error;
    const code = fault instanceof ConnectionError ? fault.code : ErrorCode.INTERNAL_ERROR;
    sendGoaway(this.#output, this.#streams.lastPeerId, code, fault instanceof ConnectionError ? fault.message : '');
    this.#output.flush();
    this.#close(fault instanceof Error ? fault : new Error(String(fault)), code);
    this.#socket.end();
    // What it still sends is not read.
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), lastWordsMs).unref();
  }

  #end(): void {
    if (this.#closed) return;
    this.#output.flush();
    this.#close(undefined, ErrorCode.NO_ERROR);
    this.#socket.end();
  }

  #close(error: Error | undefined, code: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#output.close();
    for (const stream of this.#streams.clear()) stream.events?.aborted(code);
    this.#events.closed(error);
  }
}
