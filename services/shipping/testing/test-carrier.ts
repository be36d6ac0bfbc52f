import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request to a test carrier. */
export interface CarrierRequest {
  readonly method: string;
  readonly reference: string;
  readonly headers: IncomingHttpHeaders;
  readonly response: ServerResponse;
  /** Books or cancels, if that is requested. */
  act(): void;
  /** Responds as the API specifies. */
  answer(): void;
}

/** A carrier under a test's control. It forgets what it cancelled, so a late booking succeeds. */
export interface TestCarrier {
  readonly url: string;
  /** Its bookings, by reference. */
  readonly live: ReadonlySet<string>;
  /** Its requests, as `PUT order-1`. */
  readonly requests: readonly string[];
  /** Replaces its normal behaviour. */
  behave(behaviour: ((request: CarrierRequest) => void | Promise<void>) | undefined): void;
  /** Holds back its next request of this method until `release`; `asked` resolves when it has arrived. */
  holdBack(method: 'PUT' | 'DELETE'): { readonly asked: Promise<void>; readonly release: () => void };
  close(): Promise<void>;
}

/** Starts a test carrier on a free port. */
export async function startTestCarrier(): Promise<TestCarrier> {
  const live = new Set<string>();
  const requests: string[] = [];
  let behaviour: ((request: CarrierRequest) => void | Promise<void>) | undefined;
  const server = createServer((request, response) => {
    request.resume();
    const [method = '', reference = ''] = [request.method, request.url?.split('/').at(-1)];
    requests.push(`${method} ${reference}`);
    const known = live.has(reference);
    const act = () => {
      if (method === 'PUT') live.add(reference);
      if (method === 'DELETE') live.delete(reference);
    };
    const answer = () => answerJson(response, method === 'PUT' ? 201 : known ? 200 : 404, booked(reference));
    if (behaviour) return void behaviour({ method, reference, headers: request.headers, response, act, answer });
    act();
    answer();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    live,
    requests,
    behave: (next) => {
      behaviour = next;
    },
    holdBack(method) {
      const asked = Promise.withResolvers<void>();
      const released = Promise.withResolvers<void>();
      let isHeld = false;
      behaviour = async (request) => {
        if (request.method === method && !isHeld) {
          isHeld = true;
          asked.resolve();
          await released.promise;
        }
        request.act();
        request.answer();
      };
      return { asked: asked.promise, release: released.resolve };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Sends an answer that is JSON. */
export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function booked(reference: string) {
  return { reference, carrier: 'test', tracking_number: `T-${reference}` };
}
