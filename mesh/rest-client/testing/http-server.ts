import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request that a test server got, with its body. */
export interface ReceivedRequest extends Pick<IncomingMessage, 'headers'> {
  readonly method: string;
  readonly url: string;
  readonly body: string;
}

/** How a test server answers. */
export type Answer = (response: ServerResponse, request: ReceivedRequest) => unknown;

/** An HTTP server under a test's control. */
export interface TestServer extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  readonly requests: readonly ReceivedRequest[];
  /** How many connections were made. */
  readonly connections: number;
  /** How many connections are open. */
  readonly open: number;
  /** Answers the next requests in turn, and all later ones as the last of these says. */
  answer(...answers: readonly Answer[]): void;
}

/** Starts a server on a free port. `create` makes it of its listener. Default: plain HTTP. */
export async function startTestServer(
  create: (listener: RequestListener) => Server = createServer,
): Promise<TestServer> {
  const requests: ReceivedRequest[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let answers: readonly Answer[] = [json(200, {})];
  const server = create(async (incoming, response) => {
    const { method = '', url = '', headers } = incoming;
    const request = { method, url, headers, body: await text(incoming) };
    requests.push(request);
    const [next, ...later] = answers;
    if (later.length > 0) answers = later;
    await next?.(response, request);
  });
  server.on('connection', (socket: Socket) => {
    connections += 1;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const scheme = 'setSecureContext' in server ? 'https' : 'http';
  return {
    origin: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    answer(...next) {
      answers = next;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** Answers with JSON. */
export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

/** Answers with a body as it is. */
export function raw(status: number, body: string | Buffer, headers: Readonly<Record<string, string>> = {}): Answer {
  return (response) => response.writeHead(status, headers).end(body);
}

/** Never answers. */
export function hang(): void {
  // Nothing to do.
}

/** Ends the connection without an answer. */
export function hangUp(response: ServerResponse): void {
  response.destroy();
}

/** Sends a byte every 20 ms, for ever. */
export function slowly(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 20);
  response.once('close', () => clearInterval(timer));
}
