import { createServer, type RequestListener, type Server } from 'node:http';
import {
  constants,
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { Server as NetServer, type Socket } from 'node:net';
import { maxHeadBytes, refuseConnection } from './http-faults.ts';

/** A server of HTTP/1.1 and cleartext HTTP/2 on one port. */
export interface HttpServer {
  /** Accepts the connections of both. */
  readonly server: Server;
  /**
   * Accepts no further connections, and closes those without a request: of HTTP/2 with GOAWAY, of HTTP/1.1 after `idleMs`, since
   * their clients may be sending one. Has to be answered with `connection: close`. Resolves when none is left.
   */
  close(idleMs: number): Promise<void>;
  /** Closes all connections now. */
  closeAll(): void;
}

/** How long the head of a request may take to arrive, and the whole request, as on the gRPC server. */
const headTimeoutMs = 20_000;
const requestTimeoutMs = 60_000;
/** Of a connection of HTTP/1.1 without a request; longer than most proxies keep theirs. */
const keepAliveMs = 75_000;
const maxConcurrentStreams = 100;
/** Between two looks whether an answer was sent. */
const flushMs = 10;
/** How an HTTP/2 connection begins. No method of HTTP/1.1 does. */
const preface = Buffer.from('PRI');

/** Creates the server. A client uses HTTP/2 with prior knowledge; `Upgrade` is ignored. */
export function createHttpServer(listener: RequestListener): HttpServer {
  const server = createServer(
    {
      maxHeaderSize: maxHeadBytes,
      headersTimeout: headTimeoutMs,
      requestTimeout: requestTimeoutMs,
      keepAliveTimeout: keepAliveMs,
      // The edge refuses a request without a host: as a problem.
      requireHostHeader: false,
      keepAlive: true,
    },
    listener,
  );
  const http2 = createHttp2Server({ settings: { maxConcurrentStreams, maxHeaderListSize: maxHeadBytes } });
  http2.on('request', (request, response) => {
    request.stream.once('finish', () => stopReading(request.stream));
    // Fastify reads and writes both alike.
    (listener as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void)(request, response);
  });
  const sessions = new Set<ServerHttp2Session>();
  http2.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('clientError', refuseConnection);

  const undecided = new Set<Socket>();
  const [takeHttp1] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    undecided.add(socket);
    decide(socket, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2 === undefined) return;
      if (isHttp2) http2.emit('connection', socket);
      else takeHttp1?.call(server, socket);
    });
  });

  return {
    server,
    async close(idleMs) {
      // Without closing idle connections, as that of HTTP does.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      for (const session of sessions) session.close();
      const late = setTimeout(() => {
        for (const socket of undecided) socket.destroy();
        server.closeIdleConnections();
      }, idleMs);
      await closed;
      clearTimeout(late);
      // Ends the watch of its timeouts.
      server.close();
    },
    closeAll() {
      server.closeAllConnections();
      for (const socket of undecided) socket.destroy();
      for (const session of sessions) session.destroy();
    },
  };
}

/**
 * Ends a stream whose answer is sent and whose request is not: its client would send the rest for nothing, or wait forever until somebody
 * reads it (RFC 9113, section 8.1).
 */
function stopReading(stream: ServerHttp2Stream): void {
  const { localClose, remoteClose } = stream.state;
  if (stream.destroyed || remoteClose === 1) return;
  // A reset that overtakes the answer would take its place.
  if (localClose === 1) stream.close(constants.NGHTTP2_NO_ERROR);
  else setTimeout(() => stopReading(stream), flushMs).unref();
}

/** Waits for the first bytes of a connection, which stay readable. `undefined`: it has ended without them. */
function decide(socket: Socket, decided: (isHttp2: boolean | undefined) => void): void {
  let bytes: Buffer = Buffer.alloc(0);
  const end = (isHttp2: boolean | undefined) => {
    socket.off('readable', look).off('end', destroy).off('error', destroy).off('close', lose).setTimeout(0);
    if (isHttp2 !== undefined) socket.unshift(bytes);
    decided(isHttp2);
  };
  const look = () => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    const compared = Math.min(bytes.length, preface.length);
    const isPart = bytes.subarray(0, compared).equals(preface.subarray(0, compared));
    if (isPart && compared < preface.length) return;
    end(isPart);
  };
  const destroy = () => void socket.destroy();
  const lose = () => end(undefined);
  socket
    .on('readable', look)
    .on('end', destroy)
    .on('error', destroy)
    .on('close', lose)
    .setTimeout(headTimeoutMs, destroy);
}
