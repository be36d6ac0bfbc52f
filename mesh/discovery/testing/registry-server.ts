import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Certificate } from '../../testing/certificates.ts';

/** A request that a registry for tests has received. */
export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** Parsed JSON; `undefined` if it had no body. */
  readonly body: unknown;
  readonly response: ServerResponse;
}

/** An HTTP server in the place of a registry. */
export interface RegistryServer extends AsyncDisposable {
  /** `127.0.0.1:<port>`. */
  readonly address: string;
  /** All that it received. */
  readonly requests: readonly ReceivedRequest[];
  /** Answers all requests from now on; `undefined`: as at the start. */
  answerWith(answer: ((request: ReceivedRequest) => void | Promise<void>) | undefined): void;
  /** Closes the connections in the middle of what they are doing. */
  hangUp(): void;
}

/** Starts a server that answers with `usual`, over TLS if it has a certificate. */
export async function startRegistryServer(
  usual: (request: ReceivedRequest) => void | Promise<void>,
  certificate?: Certificate,
): Promise<RegistryServer> {
  let answer = usual;
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  const listener: RequestListener = async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://registry');
    const text = (await request.toArray()).join('');
    const received = {
      method: request.method ?? '',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      body: text === '' ? undefined : JSON.parse(text),
      response,
    };
    requests.push(received);
    await answer(received);
  };
  const server = certificate ? createTlsServer(certificate, listener) : createServer(listener);
  server.on(certificate ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the system returned no port');
  const hangUp = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    address: `127.0.0.1:${address.port}`,
    requests,
    answerWith(next = usual) {
      answer = next;
    },
    hangUp,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      hangUp();
      await closed;
    },
  };
}

/** Answers with JSON. */
export function answerJson(
  { response }: ReceivedRequest,
  body: unknown,
  {
    status = 200,
    headers = {},
  }: { readonly status?: number; readonly headers?: Readonly<Record<string, string>> } = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** What may be in the place of a registry, or what becomes of one. None of it is an answer. */
export const badAnswers: Readonly<Record<string, (request: ReceivedRequest) => void>> = {
  'answers 500': ({ response }) => void response.writeHead(500).end('No cluster leader'),
  'answers 429': ({ response }) => void response.writeHead(429).end(),
  'answers 403': (request) => answerJson(request, { message: 'denied' }, { status: 403 }),
  'answers 404': ({ response }) => void response.writeHead(404).end('404 page not found'),
  'sends a page': ({ response }) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
  'sends other JSON': (request) => answerJson(request, 'ok', { headers: { 'x-consul-index': '7' } }),
  'sends nothing': ({ response }) => void response.writeHead(200).end(),
  redirects: ({ response }) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  'hangs up': ({ response }) => void response.destroy(),
  'hangs up in its answer': ({ response }) => {
    response.writeHead(200, { 'content-length': '100', 'x-consul-index': '7' }).write('[', () => response.destroy());
  },
  'answers without an end': ({ response }) => {
    const goOn = () => {
      while (!response.destroyed && response.write('['.repeat(65_536)));
    };
    response.writeHead(200, { 'x-consul-index': '7' }).on('drain', goOn);
    goOn();
  },
};
