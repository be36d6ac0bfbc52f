import { ErrorCode, StreamError } from '../codec/frames.ts';
import type { MessageHead } from '../codec/message-head.ts';
import type { Output } from '../codec/output.ts';
import type { PeerSettings } from '../codec/settings.ts';
import type { HeaderList } from '../hpack/header-list.ts';
import type { ReceiveFlow } from '../streams/receive-flow.ts';
import type { SendFlow } from '../streams/send-flow.ts';
import { Http2Stream, type StreamEvents } from '../streams/stream.ts';
import type { StreamPort } from '../streams/stream-port.ts';
import type { StreamTable } from '../streams/stream-table.ts';
import type { Http2ConnectionEvents } from './connection-options.ts';
import type { BlockReceiver } from './incoming-blocks.ts';
import type { ConnectionShutdown } from './shutdown.ts';

// With more left to read, a peer's new streams are refused.
const maxQueuedBytes = 32 * 1024 * 1024;

export interface StreamOpenerParts {
  readonly events: Http2ConnectionEvents;
  readonly peer: PeerSettings;
  readonly maxConcurrentStreams: number;
  readonly output: Output;
  readonly streams: StreamTable;
  readonly sending: SendFlow;
  readonly receiving: ReceiveFlow;
  readonly port: StreamPort;
  readonly shutdown: ConnectionShutdown;
}

/** Opens the streams of this side, and those of the peer that this side accepts. */
export class StreamOpener implements BlockReceiver {
  readonly #parts: StreamOpenerParts;

  constructor(parts: StreamOpenerParts) {
    this.#parts = parts;
  }

  /** Opens a stream of this side with the encoded fields of a request. */
  open(block: Uint8Array, endStream: boolean, events: StreamEvents): Http2Stream {
    const stream = this.#create(this.#parts.streams.takeId());
    stream.events = events;
    stream.sendHeaders(block, endStream);
    return stream;
  }

  onRequest(streamId: number, head: MessageHead, endStream: boolean): void {
    const { events, maxConcurrentStreams, output, streams, sending, receiving, shutdown } = this.#parts;
    const unreadBytes = sending.queuedBytes + output.unsentBytes;
    const hasRoom = streams.size < maxConcurrentStreams && unreadBytes < maxQueuedBytes;
    if (!hasRoom || !shutdown.accepts(streamId)) {
      if (!hasRoom) events.refused?.(head, 'too_many_streams');
      streams.refuse(streamId, receiving.streamWindowBytes);
      return;
    }
    const stream = this.#create(streamId);
    const hasTooLittle = endStream && (head.contentLength ?? 0) > 0;
    const fault = head.fault ?? (hasTooLittle ? 'the body does not have its announced length' : undefined);
    if (fault !== undefined) {
      events.refused?.(head, 'malformed_fields');
      streams.fault(stream, new StreamError(ErrorCode.PROTOCOL_ERROR, fault));
      return;
    }
    stream.headed = true;
    stream.expectedBytes = head.contentLength;
    stream.remoteEnded = endStream;
    stream.events = events.request?.(stream, head);
    if (endStream) this.onEnd(stream, undefined);
  }

  onEnd(stream: Http2Stream, trailers: HeaderList | undefined): void {
    stream.events?.ended(trailers);
    this.#parts.port.sideEnded(stream);
  }

  #create(streamId: number): Http2Stream {
    const { peer, port, receiving, streams } = this.#parts;
    const stream = new Http2Stream(port, streamId, peer.initialWindowBytes, receiving.streamWindowBytes);
    streams.add(stream);
    return stream;
  }
}
