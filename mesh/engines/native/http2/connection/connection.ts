import type { Socket } from 'node:net';
import { hangUp } from '../../../hang-up.ts';
import type { ConnectionEndReason } from '../../../host-observer.ts';
import { FrameDispatch } from '../codec/frame-dispatch.ts';
import { FrameReader } from '../codec/frame-reader.ts';
import { ConnectionError, defaultFrameBytes, ErrorCode, StreamError } from '../codec/frames.ts';
import type { MessageHead } from '../codec/message-head.ts';
import { Output } from '../codec/output.ts';
import { defaultPeerSettings } from '../codec/settings.ts';
import type { HeaderList } from '../hpack/header-list.ts';
import { FloodGuard } from '../streams/flood-guard.ts';
import { ReceiveFlow } from '../streams/receive-flow.ts';
import { SendFlow } from '../streams/send-flow.ts';
import { Http2Stream, type StreamEvents } from '../streams/stream.ts';
import { StreamPort } from '../streams/stream-port.ts';
import { StreamTable } from '../streams/stream-table.ts';
import { Greeting, type Http2ConnectionEvents, type Http2ConnectionOptions } from './connection-options.ts';
import { type BlockReceiver, IncomingBlocks } from './incoming-blocks.ts';
import { IncomingBodies } from './incoming-bodies.ts';
import { IncomingFrames } from './incoming-frames.ts';
import { Pings } from './pings.ts';
import { ConnectionShutdown, faultOf, sendGoaway } from './shutdown.ts';

// No window limits frames such as acknowledgements and headers. A peer that causes more of them and reads nothing would fill
// the memory.
const maxUnreadBytes = 1024 * 1024;
// With more left to read, a peer's new streams are refused.
const maxQueuedBytes = 32 * 1024 * 1024;
// How long a peer that made a fault has to read the GOAWAY.
const goawayLingerMs = 1_000;
// How long a peer has to read its last responses, on a connection that ends without a fault.
const closeTimeoutMs = 30_000;

/**
 * One HTTP/2 connection over a socket (RFC 9113): frames, streams, flow control in both directions, settings, pings and a
 * graceful shutdown. It does not know what its streams are for. A fault of the peer ends the stream or the connection that it
 * concerns, with the code of the RFC.
 */
export class Http2Connection implements BlockReceiver {
  /** The settings of the peer. */
  readonly peer = defaultPeerSettings();
  /** When bytes last arrived, by `performance.now`. */
  readMs = performance.now();
  readonly #socket: Socket;
  readonly #events: Http2ConnectionEvents;
  readonly #isServer: boolean;
  readonly #maxConcurrentStreams: number;
  readonly #guard: FloodGuard;
  readonly #output: Output;
  readonly #reader: FrameReader;
  readonly #dispatch: FrameDispatch;
  readonly #streams: StreamTable;
  readonly #pings: Pings;
  readonly #sending: SendFlow;
  readonly #receiving: ReceiveFlow;
  readonly #port: StreamPort;
  readonly #shutdown: ConnectionShutdown;
  readonly #greeting: Greeting;
  #hasBegun = false;
  #closed = false;

  constructor(socket: Socket, options: Http2ConnectionOptions, events: Http2ConnectionEvents) {
    const { role, maxHeaderListBytes, maxConcurrentStreams, streamWindowBytes } = options;
    const isServer = role === 'server';
    this.#socket = socket;
    this.#events = events;
    this.#isServer = isServer;
    this.#maxConcurrentStreams = maxConcurrentStreams;
    const output = new Output(socket, () => this.#sending.pumpDirty());
    const guard = new FloodGuard(options.pings);
    const pings = new Pings(output);
    const streams = new StreamTable(isServer, output, guard, (stream) => this.#onRemoved(stream));
    const sending = new SendFlow(output, this.peer, streams);
    const receiving = new ReceiveFlow({
      output,
      ping: (answered) => pings.send(answered),
      streams,
      isServer,
      streamWindowBytes,
    });
    this.#guard = guard;
    this.#output = output;
    this.#pings = pings;
    this.#streams = streams;
    this.#sending = sending;
    this.#receiving = receiving;
    this.#port = new StreamPort({ isServer, peer: this.peer, output, guard, streams, sending, receiving });
    this.#shutdown = new ConnectionShutdown({ isServer, output, pings, streams, end: () => this.#end() });
    const blocks = new IncomingBlocks({ isServer, maxHeaderListBytes }, streams, guard, this);
    const bodies = new IncomingBodies(streams, receiving, guard, this);
    const onTableSize = (bytes: number) => (isServer ? this.#port.limitTable(bytes) : events.tableSize?.(bytes));
    const onSettings = () => events.settings?.();
    const onGoaway = this.#onGoaway.bind(this);
    const parts = {
      isServer,
      peer: this.peer,
      guard,
      output,
      pings,
      streams,
      sending,
      blocks,
      bodies,
      onTableSize,
      onSettings,
      onGoaway,
    };
    this.#dispatch = new FrameDispatch(new IncomingFrames(parts), 4 * maxHeaderListBytes);
    this.#reader = new FrameReader(this.#dispatch, { expectPreface: isServer, maxFrameBytes: defaultFrameBytes });
    this.#listen();
    this.#greeting = new Greeting(output, receiving, options);
    // A server waits for the first bytes, because a client that does not speak HTTP/2 can read only another answer.
    if (!isServer) this.#greeting.send();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many frames of the peer carried headers or data. */
  get contentFrames(): number {
    return this.#guard.contentFrames;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Whether the peer has sent its first SETTINGS. */
  get settled(): boolean {
    return this.#dispatch.settled;
  }

  /** Whether a header block of the peer is incomplete, so no other frame may come. */
  get midBlock(): boolean {
    return this.#dispatch.midBlock;
  }

  /** Whether the peer would accept a new stream. */
  get canOpen(): boolean {
    const isOpen = !this.#closed && !this.#shutdown.begun && this.settled;
    return isOpen && !this.#streams.exhausted && this.#streams.size < this.peer.maxConcurrentStreams;
  }

  /** Whether the ids for streams of this side are used up. */
  get exhausted(): boolean {
    return this.#streams.exhausted;
  }

  /** Opens a stream with the encoded fields of a request. */
  open(block: Uint8Array, endStream: boolean, events: StreamEvents): Http2Stream {
    const stream = this.#createStream(this.#streams.takeId());
    stream.events = events;
    stream.sendHeaders(block, endStream);
    return stream;
  }

  /** Sends a ping. Calls `answered` when the peer acknowledges it. */
  ping(answered: () => void): void {
    this.#pings.send(answered);
  }

  /**
   * Accepts no new streams, and closes when the open ones have ended. A server that has not read its client's first SETTINGS
   * may still have calls to read.
   */
  drain(): void {
    if (this.#isServer) this.#greeting.send();
    if (this.#isServer || this.settled) this.#shutdown.begin();
    else this.destroy();
  }

  /** Ends it now, with all open streams. */
  destroy(error?: Error): void {
    this.#reportFault(error);
    this.#close(error, ErrorCode.CONNECT_ERROR);
    this.#socket.destroy();
  }

  /** Ends it with ENHANCE_YOUR_CALM, because the peer costs too much. */
  giveUp(why: string, reason: ConnectionEndReason): void {
    if (!this.#closed) this.#fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, why, reason));
  }

  /** Ends the streams whose response is complete and of which nothing could be sent since `sinceMs`, or that expired. */
  endStuckAnswers(sinceMs: number, nowMs: number): void {
    for (const stream of this.#sending.stuckSince(sinceMs, nowMs)) this.#streams.reset(stream, ErrorCode.CANCEL);
  }

  onRequest(streamId: number, head: MessageHead, endStream: boolean): void {
    const unreadBytes = this.#sending.queuedBytes + this.#output.unsentBytes;
    const hasRoom = this.#streams.size < this.#maxConcurrentStreams && unreadBytes < maxQueuedBytes;
    if (!hasRoom || !this.#shutdown.accepts(streamId)) {
      if (!hasRoom) this.#events.refused?.(head, 'too_many_streams');
      this.#streams.refuse(streamId, this.#receiving.streamWindowBytes);
      return;
    }
    const stream = this.#createStream(streamId);
    const hasTooLittle = endStream && (head.contentLength ?? 0) > 0;
    const fault = head.fault ?? (hasTooLittle ? 'the body does not have its announced length' : undefined);
    if (fault !== undefined) {
      this.#events.refused?.(head, 'malformed_fields');
      this.#streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, fault));
      return;
    }
    stream.headed = true;
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

  #onGoaway(lastStreamId: number, code: ErrorCode, text: string): void {
    if (!this.#isServer) {
      this.#shutdown.beginByPeer();
      for (const stream of this.#streams.all()) {
        if (stream.id <= lastStreamId) continue;
        this.#streams.remove(stream);
        stream.events?.aborted(ErrorCode.REFUSED_STREAM);
      }
    }
    this.#events.goaway?.(lastStreamId, code, text);
    this.#shutdown.check();
  }

  #onRemoved(stream: Http2Stream): void {
    this.#sending.forget(stream);
    // A client may still read the rest of a response that has ended.
    if (this.#isServer || !stream.remoteEnded) this.#receiving.release(stream, stream.heldBytes);
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

  #push(chunk: Buffer): void {
    if (this.#closed) return;
    const bytes = this.#hasBegun ? chunk : this.#begin(chunk);
    if (bytes === undefined) return;
    this.readMs = performance.now();
    this.#guard.tick(this.readMs);
    try {
      this.#reader.push(bytes);
      if (this.#output.hasUnread(maxUnreadBytes)) {
        const text = 'the peer does not read the answers that it causes';
        throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, text, 'unread_answers');
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Returns the first bytes of the peer once they are known to be HTTP/2 or a fault. */
  #begin(chunk: Buffer): Buffer | undefined {
    const { begin } = this.#events;
    const first = begin === undefined ? { bytes: chunk, http1Answer: undefined } : begin(chunk);
    if (first === undefined) return undefined;
    this.#hasBegun = true;
    // On a connection that drains, the greeting is sent.
    if (first.http1Answer === undefined || this.#greeting.isSent) {
      this.#greeting.send();
      return first.bytes;
    }
    this.#turnAway(first.http1Answer);
    return undefined;
  }

  #fail(error: unknown): void {
    const fault = faultOf(error);
    // What went wrong on this side is no business of the peer.
    const text = fault.reason === 'internal_error' ? '' : fault.message;
    sendGoaway(this.#output, this.#streams.lastPeerId, fault.code, text);
    this.#output.flush();
    this.#reportFault(fault);
    // To its streams the connection is lost, no matter which side is at fault.
    this.#close(fault, ErrorCode.CONNECT_ERROR);
    hangUp(this.#socket, goawayLingerMs);
  }

  #reportFault(fault: Error | undefined): void {
    if (this.#closed || !(fault instanceof ConnectionError)) return;
    const { begunCount: streams, size: open_streams } = this.#streams;
    this.#events.gaveUp?.(fault, { streams, open_streams, ...this.#guard.counts });
  }

  /** Ends it with an answer of another protocol. */
  #turnAway(answer: string): void {
    const text = 'the connection does not begin with the HTTP/2 preface';
    this.#reportFault(new ConnectionError(ErrorCode.PROTOCOL_ERROR, text, 'not_http2'));
    this.#socket.write(answer);
    this.#close(undefined, ErrorCode.CONNECT_ERROR);
    hangUp(this.#socket, goawayLingerMs);
  }

  #end(): void {
    if (this.#closed) return;
    this.#output.flush();
    this.#close(undefined, ErrorCode.NO_ERROR);
    hangUp(this.#socket, closeTimeoutMs);
  }

  #close(error: Error | undefined, code: ErrorCode): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dispatch.closed = true;
    this.#output.close();
    for (const stream of this.#streams.clear()) stream.events?.aborted(code);
    this.#events.closed(error);
  }
}
