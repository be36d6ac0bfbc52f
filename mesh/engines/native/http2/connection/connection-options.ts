import type { ErrorCode } from '../codec/frames.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Http2Stream, StreamEvents } from '../streams/stream.ts';

/** What happens on a connection. */
export interface ConnectionEvents {
  /** A request has begun; what is returned hears of the rest of it. Only at a server. */
  request?(stream: Http2Stream, head: MessageHead): StreamEvents;
  /** The peer takes no streams beyond this one. */
  goaway?(lastStreamId: number, code: ErrorCode): void;
  /** The peer takes a table of at most so many bytes; blocks that are given to `open` from now on obey it. Only at a client. */
  tableSize?(bytes: number): void;
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
  /** The most that the fields of a message may have, in bytes as RFC 9113 section 6.5.2 counts them. */
  readonly maxHeaderListBytes: number;
  /** The window that each stream begins with. */
  readonly streamWindowBytes: number;
  /** The window that the connection begins with. */
  readonly connectionWindowBytes: number;
}
