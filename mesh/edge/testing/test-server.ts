import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { ConnectionEnd } from '../../engines/host-observer.ts';
import type { HttpEndReason } from '../connections/end-reasons.ts';
import { createHttpServer, type HttpServer, type HttpServerOptions } from '../http-server.ts';

/** An HTTP server of the edge, without the edge, until the end of a test. */
export interface TestServer {
  readonly http: HttpServer;
  readonly port: number;
  /** The connections that it ended because of their clients. */
  readonly ended: ConnectionEnd<HttpEndReason>[];
  open(localAddress?: string): Promise<Socket>;
  /** Sends bytes on a connection of its own, and returns everything that arrives until the server closes it. */
  exchange(bytes: string): Promise<string>;
}

const echo: RequestListener = (request, response) => {
  response.end(`${request.httpVersion} ${request.method} ${request.url}`);
};

/** Starts a server. Its default answers with the version, the method and the target of a request. */
export async function startServer(
  options: Partial<Omit<HttpServerOptions, 'report'>> = {},
  listener: RequestListener = echo,
): Promise<TestServer> {
  const ended: ConnectionEnd<HttpEndReason>[] = [];
  const limits = { all: 1_000, ofAddress: 1_000 };
  const http = createHttpServer(listener, { limits, ...options, report: (end) => ended.push(end) });
  http.server.listen(0, '127.0.0.1');
  await once(http.server, 'listening');
  const { port } = http.server.address() as AddressInfo;
  onTestFinished(async () => {
    http.closeAll();
    await http.close(0);
  });
  const open = async (localAddress = '127.0.0.1') => {
    const socket = connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  return {
    http,
    port,
    ended,
    open,
    async exchange(bytes) {
      const socket = await open();
      socket.write(bytes);
      return await text(socket);
    },
  };
}
