import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server of a key set, until the end of a test. */
export interface ServedKeys {
  readonly url: string;
  /** How often it was asked. */
  readonly requests: number;
  /** What it answers: a text, or how. */
  answer: string | RequestListener;
}

/** Serves a key set on a free port of this machine. */
export async function serveKeys(answer: ServedKeys['answer']): Promise<ServedKeys> {
  let requests = 0;
  const served = { answer };
  const server = createServer((request, response) => {
    requests += 1;
    if (typeof served.answer === 'string') response.end(served.answer);
    else served.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return Object.defineProperties(served, {
    url: { value: `http://127.0.0.1:${port}/keys` },
    requests: { get: () => requests },
  }) as ServedKeys;
}
