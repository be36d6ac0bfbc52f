import { connect, type Socket } from 'node:net';
import { Metadata, Status } from 'nice-grpc-common';
import type { Clock } from '../../../telemetry/clock.ts';
import { TransportError } from '../../transport-error.ts';
import { Http2Connection } from '../http2/connection.ts';
import { ConnectionWatch } from '../http2/connection-watch.ts';
import { createHpackEncoder, type HpackEncoder } from '../http2/hpack/encoder.ts';
import { literalFields } from '../http2/literal-fields.ts';
import type { Http2Stream, StreamEvents } from '../http2/stream.ts';
import type { OpenStream } from './client-call.ts';

/** The connections to one endpoint. */
export interface Endpoint {
  readonly open: OpenStream;
  close(): void;
}

const connectTimeoutMs = 5_000;
const backoff = { firstMs: 100, mostMs: 1_000 };
const never = Number.POSITIVE_INFINITY;
// A server is pinged while calls wait for it.
const patience = {
  handshakeMs: connectTimeoutMs,
  headersMs: 10_000,
  answerMs: never,
  pingEveryMs: 30_000,
  pingTimeoutMs: 10_000,
};
// One is enough until it has as many streams as its server takes.
const mostConnections = 8;

interface Pending {
  readonly request: { readonly path: string; readonly fields: readonly string[] };
  readonly events: StreamEvents;
  readonly opened: (stream: Http2Stream) => void;
  readonly failed: (error: TransportError) => void;
}

interface Lane {
  readonly connection: Http2Connection;
  readonly encoder: HpackEncoder;
}

/**
 * Connects to `host:port` with the first call, and again after a lost connection, then not at once: 0.1 s after the first
 * failure, growing to 1 s, in which calls fail with UNAVAILABLE. A connection that its server ends is left for another;
 * when one is full, another is made.
 */
export function createEndpoint(address: string, clock: Pick<Clock, 'now'>): Endpoint {
  const { host, port } = splitAddress(address);
  const lanes = new Set<Lane>();
  const fixedFields = new Map<string, string[]>();
  const watch = new ConnectionWatch(patience, { pingsIdle: false });
  let waiting: Pending[] = [];
  let connecting: Socket | undefined;
  let failures = 0;
  let retryAtMs = 0;
  let lastFault = '';
  let closed = false;

  const open: OpenStream = (request, events, opened, failed) => {
    const pending = { request, events, opened, failed };
    const lane = freeLane();
    if (lane) return begin(lane, pending);
    if (closed) return failed(unavailable(request.path, `the connection to ${address} was closed by this client`));
    if (lanes.size === 0 && connecting === undefined && clock.now() < retryAtMs) {
      return failed(unavailable(request.path, `${address} cannot be reached: ${lastFault}`));
    }
    waiting.push(pending);
    if (connecting === undefined && !isSettling() && lanes.size < mostConnections) beginConnecting();
  };

  function freeLane(): Lane | undefined {
    for (const lane of lanes) if (lane.connection.canOpen) return lane;
    return undefined;
  }

  /** Whether a connection is made whose server has not spoken yet. */
  function isSettling(): boolean {
    for (const { connection } of lanes) if (!connection.settled && !connection.closed) return true;
    return false;
  }

  function begin({ connection, encoder }: Lane, { request, events, opened }: Pending): void {
    const fixed = encoder.encode(fixedOf(request.path));
    const block = request.fields.length === 0 ? fixed : Buffer.concat([fixed, literalFields(request.fields)]);
    opened(connection.open(block, false, events));
  }

  function fixedOf(path: string): string[] {
    let fields = fixedFields.get(path);
    if (fields === undefined) {
      fields = [
        ...[':method', 'POST', ':scheme', 'http', ':path', path, ':authority', address],
        ...['te', 'trailers', 'content-type', 'application/grpc+proto', 'user-agent', 'ordermesh'],
        ...['grpc-accept-encoding', 'identity,gzip,deflate'],
      ];
      fixedFields.set(path, fields);
    }
    return fields;
  }

  function beginConnecting(): void {
    const socket = connect({ host, port, noDelay: true });
    connecting = socket;
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection within ${connectTimeoutMs} ms`)),
      connectTimeoutMs,
    );
    const onError = (error: Error) => onFailure(error);
    socket.once('error', onError);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', onError);
      connecting = undefined;
      onConnected(socket);
    });
    socket.once('close', () => clearTimeout(timer));
  }

  function onFailure(error: Error): void {
    connecting = undefined;
    failures += 1;
    lastFault = error.message;
    retryAtMs = clock.now() + Math.min(backoff.firstMs * 2 ** (failures - 1), backoff.mostMs);
    // Others may be served by a connection that is full now.
    if (lanes.size > 0) return;
    for (const { request, failed } of waiting.splice(0)) {
      failed(unavailable(request.path, `${address} cannot be reached: ${lastFault}`));
    }
  }

  function onConnected(socket: Socket): void {
    const encoder = createHpackEncoder();
    const connection = new Http2Connection(
      socket,
      {
        role: 'client',
        maxConcurrentStreams: 0,
        maxHeaderListBytes: 16 * 1024,
        streamWindowBytes: 256 * 1024,
        connectionWindowBytes: 1024 * 1024,
      },
      {
        goaway: () => leave(lane),
        settings() {
          failures = 0;
          encoder.setMaxTableSize(connection.peer.headerTableBytes);
          serveWaiting();
        },
        streamClosed: serveWaiting,
        closed(error) {
          lanes.delete(lane);
          watch.remove(connection);
          if (connection.settled) leave(lane);
          else onFailure(error ?? new Error('the connection was closed at once'));
        },
      },
    );
    const lane = { connection, encoder };
    lanes.add(lane);
    watch.add(connection);
  }

  function leave(lane: Lane): void {
    lanes.delete(lane);
    if (waiting.length > 0 && lanes.size === 0 && connecting === undefined && !closed) beginConnecting();
  }

  function serveWaiting(): void {
    while (waiting.length > 0) {
      const lane = freeLane();
      if (lane === undefined) {
        if (connecting === undefined && !isSettling() && lanes.size < mostConnections && !closed) beginConnecting();
        return;
      }
      const [next] = waiting.splice(0, 1);
      if (next) begin(lane, next);
    }
  }

  return {
    open,
    close() {
      closed = true;
      connecting?.destroy();
      for (const { connection } of lanes) connection.drain();
      lanes.clear();
      for (const { request, failed } of waiting.splice(0)) {
        failed(unavailable(request.path, `the connection to ${address} was closed by this client`));
      }
      waiting = [];
    },
  };
}

function splitAddress(address: string): { readonly host: string; readonly port: number } {
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) };
}

function unavailable(path: string, details: string): TransportError {
  return new TransportError(path, Status.UNAVAILABLE, details, Metadata());
}
