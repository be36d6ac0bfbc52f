import type { RequestListener } from 'node:http';
import {
  constants,
  createServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { SessionWatch, sessionPatience } from '../../engines/grpc-js/server/session-watch.ts';
import type { HostObserver } from '../../engines/host-observer.ts';

/** The connections that speak HTTP/2. */
export interface Http2Connections {
  accept(socket: Socket): void;
  /** Tells the clients that no further request is taken. */
  close(): void;
  /** Closes all of them now. */
  closeAll(): void;
}

export interface Http2Options {
  readonly maxHeaderListSize: number;
  /** For how long a connection stays open without a request. */
  readonly idleMs: number;
  readonly report: HostObserver['connectionEnded'];
}

const maxConcurrentStreams = 100;
/** Between two looks whether an answer was sent. */
const flushMs = 10;
/** How long a client that was told to leave may take. */
const leaveMs = 1_000;
/** A client may ping this often without having an answer in progress; more is a flood. */
const pings = { minIntervalMs: 1_000, minIdleIntervalMs: 1_000 };

/**
 * Serves HTTP/2. nghttp2 ends connections that reset more streams than 1,000 at once and 33/s (CVE-2023-44487), have more than 8
 * CONTINUATION frames in a header block, or cause more acknowledgements than they read.
 */
export function createHttp2Connections(listener: RequestListener, options: Http2Options): Http2Connections {
  const { maxHeaderListSize, idleMs, report } = options;
  // Fastify reads and writes both alike.
  const answer = listener as unknown as (request: Http2ServerRequest, response: Http2ServerResponse) => void;
  const observer: HostObserver = { connectionEnded: report, callRefused: () => undefined };
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer({ settings: { maxConcurrentStreams, maxHeaderListSize } });
  server.on('request', (request, response) => {
    request.stream.once('finish', () => stopReading(request.stream));
    answer(request, response);
  });
  // Node would answer without a problem.
  server.on('checkExpectation', answer);
  server.on('connect', answer);
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
    const watch = new SessionWatch(session, { observer, pings, patience: sessionPatience });
    endIdle(session, idleMs, (stream) => watch.opened(stream));
  });
  return {
    accept: (socket) => void server.emit('connection', socket),
    close() {
      for (const session of sessions) session.close();
    },
    closeAll() {
      for (const session of sessions) session.destroy();
    },
  };
}

/**
 * Ends a session that has no stream for `idleMs`, whatever else it sends: also the half of a header block, of which Node tells nothing
 * before it is complete.
 */
function endIdle(session: ServerHttp2Session, idleMs: number, onStream: (stream: ServerHttp2Stream) => void): void {
  let open = 0;
  let timer: NodeJS.Timeout;
  const end = () => {
    session.close();
    timer = setTimeout(() => session.destroy(), leaveMs).unref();
  };
  const wait = () => {
    timer = setTimeout(end, idleMs).unref();
  };
  wait();
  session.on('stream', (stream: ServerHttp2Stream) => {
    if (open === 0) clearTimeout(timer);
    open += 1;
    stream.once('close', () => {
      open -= 1;
      if (open === 0 && !session.destroyed) wait();
    });
    onStream(stream);
  });
  session.once('close', () => clearTimeout(timer));
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
