import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { tooManyPings } from '../../../ping-strikes.ts';
import type { ServerTrust } from '../../../tls/server-trust.ts';
import { ErrorCode } from '../../http2/codec/frames.ts';
import { literalFields } from '../../http2/codec/literal-fields.ts';
import { Http2Connection } from '../../http2/connection/connection.ts';
import type { Http2ConnectionOptions } from '../../http2/connection/connection-options.ts';
import type { ConnectionWatch } from '../../http2/connection/connection-watch.ts';
import { createHpackEncoder } from '../../http2/hpack/encoder.ts';
import { listBytes } from '../../http2/hpack/tables/dynamic-table.ts';
import type { Http2Stream, StreamEvents } from '../../http2/streams/stream.ts';
import { dial, type Target } from './dial.ts';

/** A call that waits for a stream. */
export interface OpeningCall extends StreamEvents {
  readonly path: string;
  /** The fields that it shares with other calls. Default: those of this client. */
  readonly fixed?: readonly string[];
  /** Its own fields. They are read when it gets a stream. */
  readonly fields: readonly string[];
  /** Whether it has ended, so it needs no stream. */
  readonly isOver: boolean;
  /** Called when it gets a stream, immediately or later. */
  opened(stream: Http2Stream): void;
  /** Called when it gets none because there is no connection. */
  unreachable(details: string): void;
  /** Called when it gets none because its fields exceed what the server accepts. */
  tooLarge(maxBytes: number): void;
  /** Called when the server announces the end of the connection that it is on. */
  readonly goaway?: (() => void) | undefined;
}

/** The windows that a client gives its server. */
export type StreamWindows = Pick<Http2ConnectionOptions, 'streamWindowBytes' | 'fixedStreamWindows'>;

/** Receives what happens to a connection. It either fails, or has room any number of times and is left once. */
export interface ConnectionListener {
  /** It may accept calls: it is ready, or a stream has ended. */
  hasRoom(connection: ClientConnection): void;
  /** It ended before it was ready. */
  failed(connection: ClientConnection, error: Error): void;
  /** It accepts no further calls. */
  left(connection: ClientConnection): void;
}

/** What a connection needs. */
export interface ClientConnectionParts {
  readonly target: Target;
  readonly connectTimeoutMs: number;
  readonly windows: StreamWindows;
  readonly watch: ConnectionWatch;
  /** Watches the certificate of the server. */
  readonly trust: ServerTrust | undefined;
  readonly generation: number;
}

/** One connection to an endpoint, from the attempt to connect to its end. */
export class ClientConnection {
  /** How often the identity of the client had changed before. */
  readonly generation: number;
  readonly #events: ConnectionListener;
  readonly #windows: StreamWindows;
  readonly #watch: ConnectionWatch;
  readonly #trust: ServerTrust | undefined;
  readonly #encoder = createHpackEncoder();
  readonly #socket: Socket;
  #connection: Http2Connection | undefined;
  /** Whether the server has sent valid SETTINGS. */
  #isSettled = false;
  #isOver = false;
  /** Those that end when the server announces its end. */
  #endless: OpeningCall[] = [];

  constructor(
    { target, connectTimeoutMs, windows, watch, generation, trust }: ClientConnectionParts,
    events: ConnectionListener,
  ) {
    this.generation = generation;
    this.#windows = windows;
    this.#watch = watch;
    this.#trust = trust;
    this.#events = events;
    this.#socket = dial(
      target,
      connectTimeoutMs,
      (socket) => this.#onConnected(socket),
      (error) => this.#fail(error),
    );
  }

  /** Whether it is not ready yet. */
  get isSettling(): boolean {
    return !this.#isOver && !this.#isSettled;
  }

  /** How many calls it has. */
  get openStreams(): number {
    return this.#connection?.openStreams ?? 0;
  }

  /** When the server last sent anything; `undefined` before its SETTINGS. */
  get readMs(): number | undefined {
    return this.#isSettled ? this.#connection?.readMs : undefined;
  }

  get canOpen(): boolean {
    return this.#connection?.canOpen ?? false;
  }

  /** Gives a call its stream. `fixed`: the fields that it shares with others. */
  open(call: OpeningCall, fixed: readonly string[]): void {
    const maxBytes = this.#connection?.peer.maxHeaderListBytes ?? Number.POSITIVE_INFINITY;
    const { fields } = call;
    if (listBytes(fixed) + listBytes(fields) > maxBytes) {
      call.tooLarge(maxBytes);
      return;
    }
    const common = this.#encoder.encode(fixed);
    const block = fields.length === 0 ? common : Buffer.concat([common, literalFields(fields)]);
    const stream = this.#connection?.open(block, false, call);
    if (stream && call.goaway) this.#endless = [...this.#endless.filter(({ isOver }) => !isOver), call];
    if (stream) call.opened(stream);
    if (!this.#connection?.exhausted) return;
    this.#connection.drain();
    this.#leave();
  }

  /** Accepts no further calls, and ends when the open ones have ended. */
  close(): void {
    this.#isOver = true;
    if (this.#connection) this.#connection.drain();
    else this.#socket.destroy();
  }

  /** Ends now, with all open calls. */
  abort(): void {
    this.#isOver = true;
    if (this.#connection) this.#connection.destroy();
    else this.#socket.destroy();
  }

  #onConnected(socket: Socket): void {
    const options = {
      role: 'client',
      maxConcurrentStreams: 0,
      maxHeaderListBytes: 16 * 1024,
      ...this.#windows,
      connectionWindowBytes: 1024 * 1024,
    } as const;
    const connection = new Http2Connection(socket, options, {
      goaway: (_, code, text) => {
        if (code === ErrorCode.ENHANCE_YOUR_CALM && text === tooManyPings) this.#watch.pingLess();
        this.#leave();
        for (const call of this.#endless.splice(0)) call.goaway?.();
      },
      tableSize: (bytes) => this.#encoder.setMaxTableSize(bytes),
      settings: () => {
        this.#isSettled = true;
        this.#events.hasRoom(this);
      },
      streamClosed: () => this.#events.hasRoom(this),
      closed: (error) => this.#onClosed(connection, error),
    });
    this.#connection = connection;
    this.#watch.add(connection);
    if (socket instanceof TLSSocket) this.#trust?.watch(socket, () => this.#leaveUntrusted());
  }

  #onClosed(connection: Http2Connection, error: Error | undefined): void {
    this.#watch.remove(connection);
    if (this.#isSettled) this.#leave();
    else this.#fail(error ?? new Error('the server closed the connection before it sent HTTP/2'));
  }

  /** The server's certificate is no longer trusted. */
  #leaveUntrusted(): void {
    this.#leave();
    this.#connection?.drain();
  }

  #fail(error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.failed(this, error);
  }

  #leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.left(this);
  }
}
