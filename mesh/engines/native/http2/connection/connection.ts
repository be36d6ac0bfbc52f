import type { Socket } from 'node:net';
import type { ConnectionEndReason } from '../../../host-observer.ts';
import { FrameDispatch } from '../codec/frame-dispatch.ts';
import { FrameReader } from '../codec/frame-reader.ts';
import { ConnectionError, defaultFrameBytes, ErrorCode } from '../codec/frames.ts';
import { Output } from '../codec/output.ts';
import { defaultPeerSettings } from '../codec/settings.ts';
import { FloodGuard } from '../streams/flood-guard.ts';
import { ReceiveFlow } from '../streams/receive-flow.ts';
import { SendFlow } from '../streams/send-flow.ts';
import type { Http2Stream, StreamEvents } from '../streams/stream.ts';
import { StreamPort } from '../streams/stream-port.ts';
import { StreamTable } from '../streams/stream-table.ts';
import { ConnectionCloser } from './connection-closer.ts';
import { Greeting, type Http2ConnectionEvents, type Http2ConnectionOptions } from './connection-options.ts';
import { IncomingBlocks } from './incoming-blocks.ts';
import { IncomingBodies } from './incoming-bodies.ts';
import { IncomingFrames } from './incoming-frames.ts';
import { Pings } from './pings.ts';
import { ConnectionShutdown } from './shutdown.ts';
import { StreamOpener } from './stream-opener.ts';

// No window limits frames such as acknowledgements and headers. A peer that causes more of them and reads nothing would fill
// the memory.
const maxUnreadBytes = 1024 * 1024;
/**
 * One HTTP/2 connection over a socket (RFC 9113): frames, streams, flow control in both directions, settings, pings and a
 * graceful shutdown. It does not know what its streams are for. A fault of the peer ends the stream or the connection that it
 * concerns, with the code of the RFC.
 */
export class Http2Connection {
  /** The settings of the peer. */
  readonly peer = defaultPeerSettings();
  /** When bytes last arrived, by `performance.now`. */
  readMs = performance.now();
  readonly #socket: Socket;
  readonly #events: Http2ConnectionEvents;
  readonly #isServer: boolean;
  readonly #guard: FloodGuard;
  readonly #output: Output;
  readonly #reader: FrameReader;
  readonly #dispatch: FrameDispatch;
  readonly #streams: StreamTable;
  readonly #pings: Pings;
  readonly #sending: SendFlow;
  readonly #receiving: ReceiveFlow;
  readonly #opener: StreamOpener;
  readonly #closer: ConnectionCloser;
  readonly #shutdown: ConnectionShutdown;
  readonly #greeting: Greeting;
  #hasBegun = false;

  constructor(socket: Socket, options: Http2ConnectionOptions, events: Http2ConnectionEvents) {
    const { role, maxHeaderListBytes, maxConcurrentStreams, streamWindowBytes, fixedStreamWindows = false } = options;
    const isServer = role === 'server';
    this.#socket = socket;
    this.#events = events;
    this.#isServer = isServer;
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
      fixedStreamWindows,
    });
    this.#guard = guard;
    this.#output = output;
    this.#pings = pings;
    this.#streams = streams;
    this.#sending = sending;
    this.#receiving = receiving;
    const { peer } = this;
    const port = new StreamPort({ isServer, peer, output, guard, streams, sending, receiving });
    const shutdown = new ConnectionShutdown({ isServer, output, pings, streams, end: () => this.#closer.end() });
    this.#shutdown = shutdown;
    this.#opener = new StreamOpener({
      events,
      peer,
      maxConcurrentStreams,
      output,
      streams,
      sending,
      receiving,
      port,
      shutdown,
    });
    const blocks = new IncomingBlocks({ isServer, maxHeaderListBytes }, streams, guard, this.#opener);
    const bodies = new IncomingBodies(streams, receiving, guard, this.#opener);
    const parts = {
      isServer,
      peer,
      guard,
      output,
      pings,
      streams,
      sending,
      blocks,
      bodies,
      onTableSize: (bytes: number) => (isServer ? port.limitTable(bytes) : events.tableSize?.(bytes)),
      onSettings: () => events.settings?.(),
      onGoaway: this.#onGoaway.bind(this),
    };
    this.#dispatch = new FrameDispatch(new IncomingFrames(parts), 4 * maxHeaderListBytes);
    this.#reader = new FrameReader(this.#dispatch, { expectPreface: isServer, maxFrameBytes: defaultFrameBytes });
    this.#closer = new ConnectionCloser({ socket, events, dispatch: this.#dispatch, output, guard, streams });
    this.#listen();
    this.#greeting = new Greeting(output, receiving, options);
    // A server waits for the first bytes, because a client that does not speak HTTP/2 can read only another answer.
    if (!isServer) this.#greeting.send();
  }

  get closed(): boolean {
    return this.#closer.closed;
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
    const isOpen = !this.closed && !this.#shutdown.begun && this.settled;
    return isOpen && !this.#streams.exhausted && this.#streams.size < this.peer.maxConcurrentStreams;
  }

  /** Whether the ids for streams of this side are used up. */
  get exhausted(): boolean {
    return this.#streams.exhausted;
  }

  /** Opens a stream with the encoded fields of a request. */
  open(block: Uint8Array, endStream: boolean, events: StreamEvents): Http2Stream {
    return this.#opener.open(block, endStream, events);
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

  /** For a server: accepts no stream from now on, and closes when the open ones have ended; `cancels`: ends them with CANCEL. */
  refuseFurther(cancels = false): void {
    this.#greeting.send();
    if (cancels) this.#streams.cancelAll();
    this.#shutdown.beginAtOnce();
  }

  /** Ends it now, with all open streams. */
  destroy(error?: Error): void {
    this.#closer.destroy(error);
  }

  /** Ends it with ENHANCE_YOUR_CALM, because the peer costs too much. */
  giveUp(why: string, reason: ConnectionEndReason): void {
    this.#closer.fail(new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, why, reason));
  }

  /** Ends the streams whose response is complete and of which nothing could be sent since `sinceMs`, or that expired. */
  endStuckAnswers(sinceMs: number, nowMs: number): void {
    for (const stream of this.#sending.stuckSince(sinceMs, nowMs)) this.#streams.reset(stream, ErrorCode.CANCEL);
  }

  #onGoaway(lastStreamId: number, code: ErrorCode, text: string): void {
    this.#shutdown.beginByPeer(lastStreamId);
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
    socket.on('error', (error) => this.#closer.lost(error));
    socket.on('close', () => this.#closer.lost(undefined));
  }

  #push(chunk: Buffer): void {
    if (this.closed) return;
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
      this.#closer.fail(error);
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
    this.#closer.turnAway(first.http1Answer);
    return undefined;
  }
}
