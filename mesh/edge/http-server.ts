import { createServer, type RequestListener, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { ConnectionLimit, type ConnectionLimits } from '../engines/connection-limit.ts';
import { hangUp, peerOf } from '../engines/hang-up.ts';
import type { ConnectionEnd } from '../engines/host-observer.ts';
import { createEncryptedConnections, type HttpTls } from './connections/encrypted-connections.ts';
import type { HttpEndReason } from './connections/end-reasons.ts';
import { http2Preface, readProtocol, tlsHandshake } from './connections/first-bytes.ts';
import { createHttp2Connections } from './connections/http2-connections.ts';
import { type HttpPatience, httpPatience } from './connections/patience.ts';
import { UnreadAnswers, type WatchedAnswer } from './connections/unread-answers.ts';
import { plainHttp, tooManyConnections, tooManyOfAddress } from './errors.ts';
import { faultOf, maxHeadBytes, refuseConnection, sendProblem } from './http-faults.ts';

/** A server of HTTP/1.1 and HTTP/2 on one port, in the clear or over TLS. */
export interface HttpServer {
  /** Accepts the connections of both. */
  readonly server: Server;
  /** How many are open. */
  readonly openConnections: number;
  /**
   * Accepts no further connections, and closes those without a request: of HTTP/2 with GOAWAY, of HTTP/1.1 after `idleMs`, since
   * their clients may be sending one. Such a request has to be answered with `connection: close`. Resolves when none is left.
   */
  close(idleMs: number): Promise<void>;
  /** Closes all connections now. */
  closeAll(): void;
}

export interface HttpServerOptions {
  readonly limits: ConnectionLimits;
  /** Is told of the connections that are ended because of their clients. */
  readonly report: (end: ConnectionEnd<HttpEndReason>) => void;
  readonly patience?: HttpPatience | undefined;
  /** Default: connections are not encrypted. */
  readonly tls?: HttpTls | undefined;
  /** The time limit of a handshake, in milliseconds. Default: 10 s, as on the gRPC listener. */
  readonly handshakeMs?: number;
}

/** How long a client that is turned away may take to read why. */
const lingerMs = 1_000;
/** How late Node may be to end a slow request. Its default is 30 s. */
const checkMs = 1_000;

/** Creates the server. Without TLS, a client uses HTTP/2 with prior knowledge; `Upgrade` is ignored. */
export function createHttpServer(
  listener: RequestListener,
  { limits, report, patience = httpPatience, tls, handshakeMs = 10_000 }: HttpServerOptions,
): HttpServer {
  const { headMs, requestMs, idleMs, unreadMs } = patience;
  const unread = new UnreadAnswers(unreadMs, (answer) => report(unreadEnd(answer, unreadMs)));
  const answer: RequestListener = (request, response) => {
    unread.watch(response);
    listener(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: maxHeadBytes,
      headersTimeout: headMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: Math.min(checkMs, headMs),
      // The edge refuses a request without a host: as a problem.
      requireHostHeader: false,
      keepAlive: true,
    },
    answer,
  );
  // Node would answer without a problem.
  server.on('checkExpectation', answer);
  server.on('connect', (_request, socket: Socket) => refuseConnection(new Error('CONNECT is for proxies'), socket));
  server.on('clientError', (fault: Error, socket: Socket) => {
    // Over TLS, Node tells it again for each further part that the client sends.
    if (socket.writableEnded) return;
    const reason = faultOf(fault);
    if (reason !== undefined) report({ peer: peerOf(socket), reason, problem: fault.message });
    refuseConnection(fault, socket);
  });
  const http2 = createHttp2Connections(answer, { maxHeaderListSize: maxHeadBytes, idleMs, report });

  const encrypted = tls && createEncryptedConnections({ tls, handshakeMs, report, opened: open });
  const undecided = new Set<Socket>();
  const limit = new ConnectionLimit(limits);
  const [takeHttp1] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const turnedAway = limit.enter(socket);
    if (turnedAway !== undefined) {
      report(turnedAway.end);
      socket.on('error', () => undefined);
      // The client of an encrypted connection could not read an answer.
      if (!turnedAway.isAnswered || tls !== undefined) {
        socket.destroy();
        return;
      }
      const { end, max } = turnedAway;
      sendProblem(
        end.reason === 'too_many_connections' ? tooManyConnections({ max }) : tooManyOfAddress({ max }),
        socket,
      );
      hangUp(socket, lingerMs);
      return;
    }
    if (encrypted === undefined) open(socket);
    else
      decide(socket, tlsHandshake, (isTls) => {
        if (isTls) encrypted.accept(socket);
        else refusePlain(socket);
      });
  });

  /** Waits for the first bytes of a connection. */
  function decide(socket: Socket, preface: Buffer, decided: (isExpected: boolean) => void): void {
    undecided.add(socket);
    readProtocol(socket, { preface, timeoutMs: headMs }, (isExpected) => {
      undecided.delete(socket);
      if (isExpected !== undefined) decided(isExpected);
    });
  }

  /** Serves a connection that is in the clear, or was encrypted. */
  function open(socket: Socket): void {
    decide(socket, http2Preface, (isHttp2) => {
      if (isHttp2) http2.accept(socket);
      else takeHttp1?.call(server, socket);
    });
  }

  function refusePlain(socket: Socket): void {
    report({ peer: peerOf(socket), reason: 'not_tls', problem: 'its client does not speak TLS' });
    socket.on('error', () => undefined);
    sendProblem(plainHttp(), socket);
    hangUp(socket, lingerMs);
  }

  return {
    server,
    get openConnections() {
      return limit.open;
    },
    async close(idleMs) {
      // Without closing idle connections, as that of HTTP does.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      http2.close();
      encrypted?.close();
      // Again and again: an answer that had begun before leaves its connection open.
      const closing = setInterval(() => {
        for (const socket of undecided) socket.destroy();
        encrypted?.closeAll();
        server.closeIdleConnections();
      }, idleMs);
      await closed;
      clearInterval(closing);
      unread.stop();
      // Ends the watch of its timeouts.
      server.close();
    },
    closeAll() {
      server.closeAllConnections();
      for (const socket of undecided) socket.destroy();
      encrypted?.closeAll();
      http2.closeAll();
    },
  };
}

function unreadEnd({ socket }: WatchedAnswer, timeoutMs: number): ConnectionEnd<HttpEndReason> {
  const problem = `its client took nothing of an answer for ${timeoutMs} ms`;
  return { peer: socket ? peerOf(socket) : 'unknown', reason: 'unread_answers', problem };
}
