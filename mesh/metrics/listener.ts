import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';
import { contextOptions } from '../engines/tls/secure-context.ts';
import type { ServerTls } from '../engines/tls/tls-options.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from './metrics.ts';

/** Serves the metrics to Prometheus. */
export interface MetricsListener {
  readonly port: number;
  /** Closes immediately, even during a scrape. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface ScrapeOptions {
  readonly logger: Logger;
  /** Default: HTTP without TLS. */
  readonly tls?: Pick<ServerTls, 'identity' | 'clients' | 'minVersion'> | undefined;
}

/**
 * Serves `GET /metrics` over HTTP on `host:port`; port 0 is any free port. Rejects like the gRPC listener if it cannot listen.
 * A scrape that fails returns 500 and is logged.
 */
export async function listenForScrapes(
  metrics: Metrics,
  address: string,
  { logger, tls }: ScrapeOptions,
): Promise<MetricsListener> {
  const onRequest: RequestListener = async (request, response) => {
    const { status, headers, text } = await answer(request, metrics).catch((error) => failed(error, logger));
    response.writeHead(status, headers).end(text);
  };
  const server = tls === undefined ? createServer(onRequest) : createSecureServer(tls, onRequest);
  server.listen(parseListenAddress(address));
  await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error, 'METRICS_LISTEN')));
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function createSecureServer(
  { identity, clients, minVersion }: NonNullable<ScrapeOptions['tls']>,
  onRequest: RequestListener,
): TlsServer {
  const context = () => contextOptions(identity.current, minVersion);
  const isRequired = clients === 'required';
  const server = createTlsServer({ ...context(), requestCert: isRequired, rejectUnauthorized: isRequired }, onRequest);
  const stopWatching = identity.onChange(() => server.setSecureContext(context()));
  server.once('close', stopWatching);
  return server;
}

async function answer({ url = '', method }: IncomingMessage, metrics: Metrics): Promise<Answer> {
  if (url.split('?', 1)[0] !== '/metrics') return plain(404, 'not found: metrics are at /metrics');
  if (method !== 'GET' && method !== 'HEAD') return plain(405, 'method not allowed: use GET', { allow: 'GET, HEAD' });
  const { contentType, text } = await metrics.scrape();
  return { status: 200, headers: { 'content-type': contentType }, text };
}

function failed(error: unknown, logger: Logger): Answer {
  logger.error({ err: error }, 'metrics scrape failed');
  return plain(500, 'metrics scrape failed: see the log of the process');
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, text: `${text}\n` };
}
