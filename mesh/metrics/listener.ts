import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { type HostObserver, noObserver } from '../engines/host-observer.ts';
import { createListener } from '../engines/listener.ts';
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
  readonly tls?: ServerTls | undefined;
  /** Is notified of the connections that are ended because of their clients. Default: nobody. */
  readonly observer?: HostObserver | undefined;
  /** How long a request may take to arrive completely, in milliseconds. Default: 10 s, then it gets 408. */
  readonly requestMs?: number;
}

// Few programs read metrics.
const limits = { maxConnections: 200, maxConnectionsPerAddress: 50 };
/** For how long a connection stays on which nothing is sent. */
const idleMs = 30_000;
/** How late Node may be to end a slow request. Its default is 30 s. */
const checkMs = 1_000;

/**
 * Serves `GET /metrics` over HTTP on `host:port`; port 0 is any free port. Rejects like the gRPC listener if it cannot listen.
 * A scrape that fails returns 500 and is logged.
 */
export async function listenForScrapes(
  metrics: Metrics,
  address: string,
  { logger, tls, observer = noObserver, requestMs = 10_000 }: ScrapeOptions,
): Promise<MetricsListener> {
  const onRequest: RequestListener = async (request, response) => {
    const { status, headers, text } = await answer(request, metrics).catch((error) => failed(error, logger));
    response.writeHead(status, headers).end(text);
  };
  const server = createServer(
    {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      connectionsCheckingInterval: Math.min(checkMs, requestMs),
    },
    onRequest,
  );
  server.timeout = idleMs;
  // It gets its connections from another server. Node begins to check for slow requests when a server listens.
  server.emit('listening');
  const listener = createListener({ tls, protocol: 'http/1.1', ...limits, observer }, (socket) => {
    server.emit('connection', socket);
  });
  return {
    port: await listener.listen(address, 'METRICS_LISTEN'),
    async close() {
      const closed = listener.close();
      listener.destroyAll();
      await closed;
      // Ends the check of slow requests.
      server.close();
    },
  };
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
