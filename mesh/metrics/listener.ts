import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { listenError, parseListenAddress } from '../engines/listen-address.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from './metrics.ts';

/** Where Prometheus reads metrics. */
export interface MetricsListener {
  readonly port: number;
  /** Ends it at once, scrapes under way included. */
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * Answers `GET /metrics` over HTTP on `host:port`, port 0 for any. Rejects as the gRPC listener does when it cannot have
 * the address. Failures of a scrape are a 500 and stand in the log.
 */
export async function listenForScrapes(metrics: Metrics, address: string, logger: Logger): Promise<MetricsListener> {
  const server = createServer(async (request, response) => {
    const { status, headers, text } = await answer(request, metrics).catch((error) => failed(error, logger));
    response.writeHead(status, headers).end(text);
  });
  server.listen(parseListenAddress(address));
  await once(server, 'listening').catch((error) => Promise.reject(listenError(address, error)));
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

async function answer({ url = '', method }: IncomingMessage, metrics: Metrics): Promise<Answer> {
  if (url.split('?', 1)[0] !== '/metrics') return plain(404, 'there is nothing here but /metrics');
  if (method !== 'GET' && method !== 'HEAD')
    return plain(405, 'metrics are only read: use GET', { allow: 'GET, HEAD' });
  const { contentType, text } = await metrics.scrape();
  return { status: 200, headers: { 'content-type': contentType }, text };
}

function failed(error: unknown, logger: Logger): Answer {
  logger.error({ err: error }, 'metrics cannot be read');
  return plain(500, 'the metrics cannot be read: the log of the process says why');
}

function plain(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, text: `${text}\n` };
}
