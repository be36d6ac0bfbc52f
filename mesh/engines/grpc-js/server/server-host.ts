import type { IncomingHttpHeaders } from 'node:http2';
import type { WireStatus } from '../../../errors/wire-status.ts';
import type { ServerHost, ServerHostOptions } from '../../engine.ts';
import { malformedTimeout, unknownMethod } from '../../errors.ts';
import { createListener } from '../../listener.ts';
import { readableTimeout } from './grpc-timeout.ts';
import { registerMethod } from './register-method.ts';
import { createTunedServer } from './tuned-server.ts';

/** Makes a server host on grpc-js. Throws INVALID_ARGUMENT `INVALID_TLS`. */
export function createServerHost({
  maxReceiveBytes = 4 * 1024 * 1024,
  maxConcurrentStreams = 1_000,
  tls,
  toStatus,
}: ServerHostOptions): ServerHost {
  const paths = new Set<string>();
  const admit = (headers: IncomingHttpHeaders) => refusalOf(headers, paths, toStatus);
  const { server, connections } = createTunedServer({ maxReceiveBytes, maxConcurrentStreams, admit });
  const listener = createListener(tls, (socket) => connections.injectConnection(socket));
  let drained: Promise<void> | undefined;

  const drain = async (graceMs: number) => {
    const closed = listener.close();
    connections.drain(graceMs);
    const over = setTimeout(() => listener.destroyAll(), graceMs);
    over.unref();
    await closed;
    clearTimeout(over);
    server.forceShutdown();
  };
  return {
    add(method, handler) {
      paths.add(method.path);
      registerMethod(server, method, handler, toStatus);
    },
    listen: (address) => listener.listen(address),
    drain(graceMs) {
      drained ??= drain(graceMs);
      return drained;
    },
  };
}

/** Refuses calls that grpc-js would misread, and unknown methods with a reason. */
function refusalOf(
  headers: IncomingHttpHeaders,
  paths: ReadonlySet<string>,
  toStatus: ServerHostOptions['toStatus'],
): WireStatus | undefined {
  const path = headers[':path'] ?? '';
  const timeout = headers['grpc-timeout'];
  if (timeout === undefined && paths.has(path)) return undefined;
  // grpc-js answers requests that are not gRPC, with an HTTP status.
  if (!headers['content-type']?.startsWith('application/grpc')) return undefined;
  if (!paths.has(path)) return toStatus(unknownMethod({ path }), path);
  const readable = readableTimeout(String(timeout));
  if (readable === undefined) return toStatus(malformedTimeout({ timeout: String(timeout) }), path);
  headers['grpc-timeout'] = readable;
  return undefined;
}
