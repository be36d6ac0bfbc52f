import { Metadata } from 'nice-grpc-common';
import { onTestFinished } from 'vitest';
import { toStatus } from '../../../errors/to-status.ts';
import { createLogger } from '../../../telemetry/logger.ts';
import type { ClientTls, Engine, EngineMethod, ServerTls, Transport, TransportCall } from '../../engine.ts';
import { type ConnectionEnd, noObserver } from '../../host-observer.ts';
import type { CheckPeer } from '../../tls/tls-options.ts';

const logger = createLogger('silent');
const encode = (text: string) => Buffer.from(text);
const decode = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const codec = { encodeRequest: encode, decodeRequest: decode, encodeResponse: encode, decodeResponse: decode };

export const echo: EngineMethod<string, string> = { path: '/test.v1.TextService/Echo', kind: 'unary', ...codec };
/** Sends its request, and ends when the call does. */
export const follow: EngineMethod<string, string> = {
  path: '/test.v1.TextService/Follow',
  kind: 'server-streaming',
  ...codec,
};

/** A server of the running test. */
export interface TlsHost {
  readonly port: number;
  /** `localhost:<port>`. */
  readonly address: string;
  /** The services that its callers are, by call. */
  readonly callers: readonly (string | undefined)[];
  /** The paths of the streams that it has begun to answer. */
  readonly begun: readonly string[];
  /** The connections that it has ended. */
  readonly ended: readonly ConnectionEnd[];
}

/** Starts a server that returns the text it gets. */
export async function serveTls(engine: Engine, tls: ServerTls): Promise<TlsHost> {
  const callers: (string | undefined)[] = [];
  const begun: string[] = [];
  const ended: ConnectionEnd[] = [];
  const host = engine.createServerHost({
    tls,
    observer: { ...noObserver, connectionEnded: (end) => void ended.push(end) },
    toStatus: (error, call) => toStatus(error, call, logger),
  });
  host.add(echo, {
    kind: 'unary',
    handle: async (read, { peerService }) => {
      callers.push(peerService);
      return read();
    },
  });
  host.add(follow, {
    kind: 'server-streaming',
    async *handle(read, { signal }) {
      begun.push(follow.path);
      yield read();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  });
  onTestFinished(() => host.drain(0));
  const port = await host.listen('127.0.0.1:0');
  return { port, address: `localhost:${port}`, callers, begun, ended };
}

export function callOptions(): TransportCall {
  return { metadata: Metadata(), deadlineMs: Date.now() + 10_000, signal: undefined };
}

/** Opens a transport for the running test. */
export function connectTls(engine: Engine, address: string, tls: ClientTls): Transport {
  const transport = engine.connect(address, { tls });
  onTestFinished(() => transport.abort());
  return transport;
}

/** Makes one call over a connection of its own. */
export async function callOnce(engine: Engine, address: string, tls: ClientTls | undefined): Promise<string> {
  const transport = engine.connect(address, { tls });
  try {
    return await transport.unary(echo, 'hello', callOptions());
  } finally {
    transport.close();
  }
}

/** As services are named here: the last part of `spiffe://test/<service>`. */
export const checkTestPeer: CheckPeer = ({ subjectAltName = '' }) => {
  const [, service] = /URI:spiffe:\/\/test\/([a-z]+)/.exec(subjectAltName) ?? [];
  return service === undefined ? { refused: 'has no SPIFFE id of the trust domain test' } : { service };
};
