import { clientPreface, type ErrorCode } from '../codec/frames.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Output } from '../codec/output.ts';
import { SettingId, sendSettings } from '../codec/settings.ts';
import type { Http2Stream, StreamEvents } from '../streams/stream.ts';

/** Receives what happens on a connection. */
export interface Http2ConnectionEvents {
  /** A request has begun. What it returns receives the rest of it. Only at a server. */
  request?(stream: Http2Stream, head: MessageHead): StreamEvents;
  /** The peer accepts no streams after this one. */
  goaway?(lastStreamId: number, code: ErrorCode): void;
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
  /** The initial window of the connection. */
  readonly connectionWindowBytes: number;
}

/** Sends the connection preface (RFC 9113 section 3.4), with the settings of this side. */
export function sendPreface(output: Output, options: Http2ConnectionOptions): void {
  const isServer = options.role === 'server';
  if (!isServer) output.bytes(clientPreface);
  sendSettings(output, [
    [SettingId.INITIAL_WINDOW_SIZE, options.streamWindowBytes],
    [SettingId.MAX_HEADER_LIST_SIZE, options.maxHeaderListBytes],
    isServer ? [SettingId.MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams] : [SettingId.ENABLE_PUSH, 0],
  ]);
}
