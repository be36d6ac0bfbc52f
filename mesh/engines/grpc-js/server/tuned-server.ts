import type {
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
  ServerOptions,
} from 'node:http2';
import { Server as GrpcJsServer, ServerCredentials } from '@grpc/grpc-js';
import { Status } from 'nice-grpc-common';
import type { WireStatus } from '../../../errors/wire-status.ts';
import type { CallRefusalReason, HostObserver } from '../../host-observer.ts';
import type { HttpRefusal } from '../../http-refusal.ts';
import type { PingPolicy } from '../../ping-strikes.ts';
import type { RequestFault } from '../../request-fault.ts';
import { requestIdKey, requestIdOf } from '../../request-id.ts';
import { type Decoder, fixServerCalls, isMidway, listenForStatus } from '../library-fixes.ts';
import { toWireMetadata } from '../metadata.ts';
import { timeoutMsOf } from './grpc-timeout.ts';
import { takePeer } from './session-peers.ts';
import { releaseAtDeadline, type SessionPatience, SessionWatch, watchOf } from './session-watch.ts';

/** The parts of a grpc-js server that have no options. They are checked when a server is created. */
interface Internals {
  readonly commonServerOptions: ServerOptions;
  readonly http2Servers: ReadonlyMap<Http2Server, unknown>;
}

/** A grpc-js server, and its injector of connections. */
export interface TunedServer {
  readonly server: GrpcJsServer;
  readonly connections: ReturnType<GrpcJsServer['createConnectionInjector']>;
}

export interface TunedServerOptions {
  readonly maxReceiveBytes: number;
  readonly maxConcurrentStreams: number;
  /** Called with each call before grpc-js sees it. May fix its headers, or refuse it. */
  readonly admit: (headers: IncomingHttpHeaders, stream: ServerHttp2Stream) => WireStatus | HttpRefusal | undefined;
  /** Called with each admitted call that grpc-js ends before its handler starts. */
  readonly refused: (headers: IncomingHttpHeaders, stream: ServerHttp2Stream, reason: CallRefusalReason) => void;
  readonly observer: HostObserver;
  readonly pings: PingPolicy | undefined;
  readonly patience: SessionPatience;
}

// Node's limits for reset streams (1,000, then 33/s) end the connection of a busy caller with short deadlines. These still end
// one that only resets.
const streamResetBurst = 5_000;
const streamResetRate = 500;
// The default windows of 64 KiB limit an upload to 64 KiB per round trip.
const streamWindowBytes = 256 * 1024;
const connectionWindowBytes = 1024 * 1024;
/** The value of `grpc-accept-encoding`: the encodings of messages that grpc-js can read. */
export const acceptEncoding = 'identity,deflate,gzip';

fixServerCalls();

/** Makes a grpc-js server with the limits of the mesh, which calls `admit` first. */
export function createTunedServer({
  maxReceiveBytes,
  maxConcurrentStreams,
  admit,
  refused,
  observer,
  pings,
  patience,
}: TunedServerOptions): TunedServer {
  const server = new GrpcJsServer({
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': maxReceiveBytes,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': maxConcurrentStreams,
  });
  const internals = internalsOf(server);
  const settings = { ...internals.commonServerOptions.settings, initialWindowSize: streamWindowBytes };
  Object.assign(internals.commonServerOptions, { streamResetBurst, streamResetRate, settings });
  const connections = server.createConnectionInjector(ServerCredentials.createInsecure());
  for (const http2Server of internals.http2Servers.keys()) {
    admitFirst(http2Server, admit, refused);
    http2Server.on('session', (session) => {
      takePeer(session);
      session.setLocalWindowSize(connectionWindowBytes);
      new SessionWatch(session, { observer, pings, patience });
    });
  }
  return { server, connections };
}

/** Whether the peer reset the stream of a call. Known before grpc-js reports the call as cancelled. */
export function isReset(rawCall: object): boolean {
  return http2StreamOf(rawCall).aborted;
}

/** Whether the last message of a request is incomplete. */
export function endsWithinMessage(rawCall: object): boolean {
  const { decoder } = innerCall(rawCall);
  return decoder === undefined ? unknownInternals() : isMidway(decoder);
}

/** The fault in a request for which grpc-js ends a call with `code`. */
export function faultOfCode(code: Status): RequestFault {
  return { code, reason: faultReasons.get(code) ?? 'undecompressable' };
}

const faultReasons: ReadonlyMap<Status, CallRefusalReason> = new Map([
  [Status.RESOURCE_EXHAUSTED, 'message_too_large'],
  [Status.UNIMPLEMENTED, 'wrong_request_count'],
  [Status.DEADLINE_EXCEEDED, 'request_incomplete'],
]);

/** The HTTP/2 stream of a call of grpc-js. */
export function http2StreamOf(rawCall: object): ServerHttp2Stream {
  return innerCall(rawCall).stream ?? unknownInternals();
}

// Private to grpc-js; tests check that it works.
function innerCall(rawCall: object): { readonly stream?: ServerHttp2Stream; readonly decoder?: Decoder } {
  return (rawCall as { readonly call?: object }).call ?? {};
}

function admitFirst(
  http2Server: Http2Server,
  admit: TunedServerOptions['admit'],
  refused: TunedServerOptions['refused'],
): void {
  const listeners = http2Server.listeners('stream');
  http2Server.removeAllListeners('stream');
  http2Server.on('stream', (stream, headers, ...rest) => {
    watchOf(stream)?.opened(stream);
    exchangeRequestId(stream, headers);
    keepBothTokens(headers, rest as readonly unknown[]);
    const refusal = admit(headers, stream);
    if (refusal !== undefined) {
      refuse(stream, refusal);
      return;
    }
    // Until its handler starts and listens.
    listenForStatus(stream, (code) => refused(headers, stream, faultOfCode(code).reason));
    const expectsContinue = headers.expect?.toLowerCase() === '100-continue';
    if (expectsContinue && !isGone(stream)) stream.additionalHeaders({ ':status': 100 });
    const timeoutMs = timeoutMsOf(String(headers['grpc-timeout']));
    if (timeoutMs !== undefined) releaseAtDeadline(stream, timeoutMs);
    for (const listener of listeners) listener.call(http2Server, stream, headers, ...rest);
  });
}

/**
 * Node drops all fields `authorization` but the first, and another reader may take the last: together
 * they are no token.
 */
function keepBothTokens(headers: IncomingHttpHeaders, [, fields]: readonly unknown[]): void {
  if (headers.authorization === undefined || !Array.isArray(fields)) return;
  const tokens = fields.filter((_, index) => index % 2 === 1 && fields[index - 1] === 'authorization');
  if (tokens.length > 1) headers.authorization = tokens.join(', ');
}

/** Makes the request id valid and adds it to the response, including those that grpc-js makes by itself. */
function exchangeRequestId(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const callers = headers[requestIdKey];
  const requestId = requestIdOf(typeof callers === 'string' ? callers : undefined);
  headers[requestIdKey] = requestId;
  const respond = stream.respond.bind(stream);
  stream.respond = (fields, options) =>
    respond({ ...(fields as OutgoingHttpHeaders), [requestIdKey]: requestId }, options);
}

function refuse(stream: ServerHttp2Stream, refusal: WireStatus | HttpRefusal): void {
  // Its end is reported by `close`; nothing further can be sent over it.
  stream.on('error', () => undefined);
  stream.resume();
  if (isGone(stream)) return;
  if ('text' in refusal) {
    stream.respond({ ':status': refusal.status, ...refusal.headers }, { endStream: refusal.text === '' });
    stream.end(refusal.text);
  } else respondStatus(stream, refusal);
}

/** Whether the caller has reset the stream already, which may come in the same write. Node throws if it is answered then. */
function isGone({ closed, destroyed }: ServerHttp2Stream): boolean {
  return closed || destroyed;
}

function respondStatus(stream: ServerHttp2Stream, { code, details, metadata }: WireStatus): void {
  const status = {
    ':status': 200,
    'content-type': 'application/grpc+proto',
    'grpc-accept-encoding': acceptEncoding,
    'grpc-status': code,
    'grpc-message': encodeURI(details),
  };
  stream.respond({ ...status, ...toWireMetadata(metadata).toHttp2Headers() }, { endStream: true });
}

function internalsOf(server: GrpcJsServer): Internals {
  // Private to grpc-js. Its version is pinned, and a test checks that these limits work.
  const internals = server as unknown as Partial<Internals>;
  const { commonServerOptions, http2Servers } = internals;
  if (!commonServerOptions || !(http2Servers instanceof Map)) {
    return unknownInternals();
  }
  return { commonServerOptions, http2Servers };
}

function unknownInternals(): never {
  throw new Error('the internals of this version of @grpc/grpc-js differ from 1.14: adapt tuned-server.ts');
}
