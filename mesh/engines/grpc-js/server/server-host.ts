import type { IncomingHttpHeaders } from 'node:http2';
import type { WireStatus } from '../../../errors/wire-status.ts';
import type { ServerHost, ServerHostOptions } from '../../engine.ts';
import { malformedTimeout, unknownEncoding, unknownMethod } from '../../errors.ts';
import { type HttpRefusal, httpRefusalOf } from '../../http-refusal.ts';
import { createListener } from '../../listener.ts';
import { registerMethod } from './register-method.ts';
import { acceptEncoding, createTunedServer } from './tuned-server.ts';

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

const knownEncodings: ReadonlySet<string> = new Set(acceptEncoding.split(','));

/** Refuses requests that are not gRPC, calls that grpc-js would misread, and unknown methods with a reason. */
function refusalOf(
  headers: IncomingHttpHeaders,
  paths: ReadonlySet<string>,
  toStatus: ServerHostOptions['toStatus'],
): WireStatus | HttpRefusal | undefined {
  const httpRefusal = httpRefusalOf(headers[':method'], headers['content-type']);
  if (httpRefusal !== undefined) return httpRefusal;
  const path = headers[':path'] ?? '';
  if (!paths.has(path)) return toStatus(unknownMethod({ path }), path);
  const encoding = String(headers['grpc-encoding'] ?? 'identity');
  if (!knownEncodings.has(encoding)) {
    return toStatus(unknownEncoding({ encoding, known: acceptEncoding }), path);
  }
  const timeout = headers['grpc-timeout'];
  if (timeout === undefined) return undefined;
  const readable = readableTimeout(String(timeout));
  if (readable === undefined) return toStatus(malformedTimeout({ timeout: String(timeout) }), path);
  headers['grpc-timeout'] = readable;
  return undefined;
}

// grpc-js keeps a timeout as a 32-bit integer of milliseconds. Longer ones become negative and end the call immediately.
const maxMs = 2 ** 31 - 1;
const maxTimeout = '2147483S';

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * Returns a `grpc-timeout` that grpc-js reads correctly: the value itself, or the maximum of 24.8 days for a longer one.
 * `undefined` if it is invalid.
 */
export function readableTimeout(value: string): string | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(value);
  const unit = unitMs[match?.[2] ?? ''];
  if (!match || unit === undefined) return undefined;
  return Number(match[1]) * unit > maxMs ? maxTimeout : value;
}
