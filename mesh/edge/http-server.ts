import { createServer, type RequestListener, type Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { ConnectionLimit, type ConnectionLimits } from '../engines/connection-limit.ts';
import { hangUp, peerOf } from '../engines/hang-up.ts';
import type { ConnectionEnd } from '../engines/host-observer.ts';
import type { HttpEndReason } from './connections/end-reasons.ts';
import { readProtocol } from './connections/first-bytes.ts';
import { createHttp2Connections } from './connections/http2-connections.ts';
import { type HttpPatience, httpPatience } from './connections/patience.ts';
import { UnreadAnswers, type WatchedAnswer } from './connections/unread-answers.ts';
import { tooManyConnections, tooManyOfAddress } from './errors.ts';
import { faultOf, maxHeadBytes, refuseConnection, sendProblem } from './http-faults.ts';

/** A server of HTTP/1.1 and cleartext HTTP/2 on one port. */
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
}

/** How long a client that is turned away may take to read why. */
const lingerMs = 1_000;
/** How late Node may be to end a slow request. Its default is 30 s. */
const checkMs = 1_000;

/** Creates the server. A client uses HTTP/2 with prior knowledge; `Upgrade` is ignored. */
export function createHttpServer(
  listener: RequestListener,
  { limits, report, patience = httpPatience }: HttpServerOptions,
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
    const reason = faultOf(fault);
    if (reason !== undefined) report({ peer: peerOf(socket), reason, problem: fault.message });
    refuseConnection(fault, socket);
  });
  const http2 = createHttp2Connections(answer, { maxHeaderListSize: maxHeadBytes, idleMs, report });

  const undecided = new Set<Socket>();
  const limit = new ConnectionLimit(limits);
  const [takeHttp1] = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    const turnedAway = limit.enter(socket);
    if (turnedAway !== undefined) {
      report(turnedAway.end);
      socket.on('error', () => undefined);
      if (!turnedAway.isAnswered) {
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
    undecided.add(socket);
    readProtocol(socket, headMs, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2 === undefined) return;
      if (isHttp2) http2.accept(socket);
      else takeHttp1?.call(server, socket);
    });
  });

  return {
    server,
    get openConnections() {
      return limit.open;
    },
    async close(idleMs) {
      // Without closing idle connections, as that of HTTP does.
      const closed = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
      http2.close();
      // Again and again: an answer that had begun before leaves its connection open.
      const closing = setInterval(() => {
        for (const socket of undecided) socket.destroy();
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
      http2.closeAll();
    },
  };
}

function unreadEnd({ socket }: WatchedAnswer, timeoutMs: number): ConnectionEnd<HttpEndReason> {
  const problem = `its client took nothing of an answer for ${timeoutMs} ms`;
  return { peer: socket ? peerOf(socket) : 'unknown', reason: 'unread_answers', problem };
}
