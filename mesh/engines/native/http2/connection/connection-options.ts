import type { PingPolicy } from '../../../ping-strikes.ts';
import { type ConnectionError, clientPreface, type ErrorCode } from '../codec/frames.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Output } from '../codec/output.ts';
import { SettingId, sendSettings } from '../codec/settings.ts';
import type { ReceiveFlow } from '../streams/receive-flow.ts';
import type { Http2Stream, StreamEvents } from '../streams/stream.ts';

/** Receives what happens on a connection. */
export interface Http2ConnectionEvents {
  /** A request has begun. What it returns receives the rest of it. Only at a server. */
  request?(stream: Http2Stream, head: MessageHead): StreamEvents;
  /** A request was refused: it has a fault, or there are too many. Its fields are those of `head`. Only at a server. */
  refused?(head: MessageHead, reason: 'malformed_fields' | 'too_many_streams'): void;
  /**
   * Called with the first bytes of the peer as they arrive, until it returns them together. `http1Answer` is sent instead of
   * HTTP/2, and the connection ends. Only at a server.
   */
  begin?(chunk: Buffer): { readonly bytes: Buffer; readonly http1Answer: string | undefined } | undefined;
  /** This side ends the connection for a fault of the peer. `counts`: what happened on it. */
  gaveUp?(fault: ConnectionError, counts: Readonly<Record<string, number>>): void;
  /** The peer accepts no streams after this one. `text` is why, for people, or `too_many_pings`. */
  goaway?(lastStreamId: number, code: ErrorCode, text: string): void;
  /** The peer limits the header table. Blocks that are passed to `open` from now on must obey that. Only at a client. */
  tableSize?(bytes: number): void;
  /** The settings of the peer have changed. */
  settings?(): void;
  /** A stream has ended, so another may begin. */
  streamClosed?(): void;
  /** The connection has ended; `error` is why, unless that was intended. */
  closed(error: Error | undefined): void;
}

export interface Http2ConnectionOptions {
  readonly role: 'server' | 'client';
  /** The maximum number of streams that the peer may have open. */
  readonly maxConcurrentStreams: number;
  /** The maximum size of the fields of a message, as RFC 9113 section 6.5.2 counts them. */
  readonly maxHeaderListBytes: number;
  /** The initial window of each stream. */
  readonly streamWindowBytes: number;
  /** Whether the windows of streams keep that size. Default: they grow while they are what limits the throughput. */
  readonly fixedStreamWindows?: boolean;
  /** The initial window of the connection. */
  readonly connectionWindowBytes: number;
  /** How often a client may ping. Only at a server. */
  readonly pings?: PingPolicy | undefined;
}

/** The first frames of this side: the connection preface (RFC 9113 section 3.4) with its settings, and its window. */
export class Greeting {
  readonly #output: Output;
  readonly #receiving: ReceiveFlow;
  readonly #options: Http2ConnectionOptions;
  #isSent = false;

  constructor(output: Output, receiving: ReceiveFlow, options: Http2ConnectionOptions) {
    this.#output = output;
    this.#receiving = receiving;
    this.#options = options;
  }

  get isSent(): boolean {
    return this.#isSent;
  }

  /** Sends them, unless they are sent. */
  send(): void {
    if (this.#isSent) return;
    this.#isSent = true;
    const { role, streamWindowBytes, maxHeaderListBytes, maxConcurrentStreams, connectionWindowBytes } = this.#options;
    const isServer = role === 'server';
    if (!isServer) this.#output.bytes(clientPreface);
    sendSettings(this.#output, [
      [SettingId.INITIAL_WINDOW_SIZE, streamWindowBytes],
      [SettingId.MAX_HEADER_LIST_SIZE, maxHeaderListBytes],
      isServer ? [SettingId.MAX_CONCURRENT_STREAMS, maxConcurrentStreams] : [SettingId.ENABLE_PUSH, 0],
    ]);
    this.#receiving.growTo(connectionWindowBytes);
  }
}
