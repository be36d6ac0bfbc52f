import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { ConnectionPeer } from '../../connection-peer.ts';
import type { ServerHost, ServerHostOptions } from '../../engine.ts';
import { malformedTimeout, metadataTooLarge, unknownEncoding, unknownMethod } from '../../errors.ts';
import { peerOf } from '../../hang-up.ts';
import { type CallRefusal, type CallRefusalReason, noObserver } from '../../host-observer.ts';
import { type HttpRefusal, httpRefusalOf } from '../../http-refusal.ts';
import { createListener } from '../../listener.ts';
import { requestIdKey } from '../../request-id.ts';
import { createBeginnings } from './beginnings.ts';
import { readableTimeout } from './grpc-timeout.ts';
import { registerMethod } from './register-method.ts';
import { beginWith } from './session-peers.ts';
import { type SessionPatience, sessionPatience } from './session-watch.ts';
import { acceptEncoding, createTunedServer } from './tuned-server.ts';

// As on the native engine. Node accepts 64 KiB and resets the streams of larger ones.
const maxHeaderListBytes = 16 * 1024;

/** Options that only this engine has. */
export interface GrpcJsServerHostOptions extends ServerHostOptions {
  readonly patience?: SessionPatience;
}

/** Makes a server host on grpc-js. Throws INVALID_ARGUMENT `INVALID_TLS`. */
export function createServerHost({
  maxReceiveBytes = 4 * 1024 * 1024,
  maxConcurrentStreams = 1_000,
  maxConnections = 10_000,
  maxConnectionsPerAddress = 5_000,
  observer = noObserver,
  pings,
  tls,
  toStatus,
  patience = sessionPatience,
}: GrpcJsServerHostOptions): ServerHost {
  const paths = new Set<string>();
  const refused = (headers: IncomingHttpHeaders, { session }: ServerHttp2Stream, reason: CallRefusalReason) => {
    const peer = session?.socket ? peerOf(session.socket) : 'unknown';
    observer.callRefused({ peer, path: headers[':path'] ?? '', reason });
  };
  const admit = (headers: IncomingHttpHeaders, stream: ServerHttp2Stream) => {
    const path = headers[':path'] ?? '';
    const refusal = refusalOf(headers, paths);
    if (refusal === undefined) return undefined;
    refused(headers, stream, refusal.reason);
    if (!('error' in refusal)) return refusal;
    return toStatus(refusal.error, { path, requestId: String(headers[requestIdKey]), otherBytes: 0 });
  };
  const { server, connections } = createTunedServer({
    maxReceiveBytes,
    maxConcurrentStreams,
    admit,
    refused,
    observer,
    pings,
    patience,
  });
  const peers = new WeakMap<Socket, ConnectionPeer>();
  const beginnings = createBeginnings(observer, (socket) => {
    const peer = peers.get(socket);
    // Node makes its session before this returns.
    if (peer === undefined) connections.injectConnection(socket);
    else beginWith(peer, () => connections.injectConnection(socket));
    // It drains all of them, and their calls have the rest of the time too.
    if (drainEndMs !== undefined) connections.drain(Math.max(0, drainEndMs - performance.now()));
  });
  const listener = createListener({ tls, maxConnections, maxConnectionsPerAddress, observer }, (socket, peer) => {
    peers.set(socket, peer);
    beginnings.watch(socket);
  });
  let drained: Promise<void> | undefined;
  let drainEndMs: number | undefined;

  const drain = async (graceMs: number) => {
    drainEndMs = performance.now() + graceMs;
    const closed = listener.close();
    beginnings.drain();
    connections.drain(graceMs);
    const over = setTimeout(() => listener.destroyAll(), graceMs);
    over.unref();
    await closed;
    clearTimeout(over);
    server.forceShutdown();
  };
  return {
    get openConnections() {
      return listener.openConnections;
    },
    add(method, handler) {
      paths.add(method.path);
      registerMethod(server, method, handler, toStatus);
    },
    get boundAddress() {
      return listener.boundAddress;
    },
    listen: (address, setting) => listener.listen(address, setting),
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };
}

const knownEncodings: ReadonlySet<string> = new Set(acceptEncoding.split(','));

/** Refuses requests that are not gRPC, calls that grpc-js would misread, and unknown methods with a reason. */
function refusalOf(headers: IncomingHttpHeaders, paths: ReadonlySet<string>): CallRefusal | HttpRefusal | undefined {
  const httpRefusal = httpRefusalOf(headers[':method'], headers['content-type']);
  if (httpRefusal !== undefined) return httpRefusal;
  // grpc-js compares it with case.
  headers['content-type'] = 'application/grpc';
  const path = headers[':path'] ?? '';
  if (listBytesOf(headers) > maxHeaderListBytes) return { reason: 'metadata_too_large', error: metadataTooLarge() };
  if (!paths.has(path)) return { reason: 'unknown_method', error: unknownMethod({ path }) };
  const encoding = String(headers['grpc-encoding'] ?? 'identity');
  if (!knownEncodings.has(encoding)) {
    return { reason: 'unknown_encoding', error: unknownEncoding({ encoding, known: acceptEncoding }) };
  }
  const timeout = headers['grpc-timeout'];
  if (timeout === undefined) return undefined;
  const readable = readableTimeout(String(timeout));
  if (readable === undefined)
    return { reason: 'malformed_timeout', error: malformedTimeout({ timeout: String(timeout) }) };
  headers['grpc-timeout'] = readable;
  return undefined;
}

/** The size of the fields of a call as RFC 9113 section 6.5.2 counts it. */
function listBytesOf(headers: IncomingHttpHeaders): number {
  let bytes = 0;
  for (const name in headers) bytes += name.length + String(headers[name]).length + 32;
  return bytes;
}
