import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Storage } from '#mesh';
import type { BookingOutcome, Carrier } from './carrier.ts';
import { type EmbeddedCarrier, openEmbeddedCarrier } from './embedded-carrier.ts';

/** A simulated carrier with the REST API of a real one, on a local port. */
export interface SimulatedCarrier extends Pick<EmbeddedCarrier, 'liveShipments'> {
  readonly url: string;
  close(): Promise<void>;
}

/** Changes an answer before it is sent, for tests. */
export type AnswerFault = (request: IncomingMessage, response: ServerResponse) => Promise<'answer' | 'swallow'>;

/** Starts a server for an embedded carrier that stores its bookings in `storage`. */
export async function startSimulatedCarrier(storage: Storage, fault?: AnswerFault): Promise<SimulatedCarrier> {
  const carrier = await openEmbeddedCarrier(storage);
  const server = createServer((request, response) => {
    answer(carrier, request)
      .catch((error: unknown): Answer => ({ status: 500, body: { message: String(error) } }))
      .then(async ({ status, body }) => {
        if ((await fault?.(request, response)) === 'swallow') return response.destroy();
        return response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      })
      .catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, '127.0.0.1').unref();
  await new Promise((resolve, reject) => server.once('listening', resolve).once('error', reject));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    liveShipments: carrier.liveShipments,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

// A request that has arrived is dealt with, even if its caller is gone.
const { signal } = new AbortController();

async function answer(carrier: Carrier, request: IncomingMessage): Promise<Answer> {
  const path = /^\/shipments\/([^/]+)$/.exec(request.url ?? '')?.[1];
  if (path === undefined) return { status: 404, body: { message: 'no such resource' } };
  const reference = decodeURIComponent(path);
  switch (request.method) {
    case 'PUT': {
      const address = addressOf(await readJson(request));
      return answerOf(reference, await carrier.book({ reference, address }, signal), { taken: 201, refused: 409 });
    }
    case 'GET': {
      const found = await carrier.find(reference, signal);
      if (found === undefined) return { status: 404, body: { message: 'no such shipment' } };
      return answerOf(reference, found, { taken: 200, refused: 410 });
    }
    case 'DELETE':
      await carrier.cancel(reference, signal);
      return { status: 200, body: { state: 'cancelled' } };
    default:
      return { status: 405, body: { message: 'PUT, GET or DELETE' } };
  }
}

function answerOf(
  reference: string,
  outcome: BookingOutcome,
  status: { readonly taken: number; readonly refused: number },
): Answer {
  if (!outcome.taken) return { status: status.refused, body: { message: outcome.refusal } };
  const { carrier, trackingNumber } = outcome;
  return { status: status.taken, body: { reference, carrier, tracking_number: trackingNumber } };
}

interface AddressJson {
  readonly recipient?: string;
  readonly lines?: readonly string[];
  readonly city?: string;
  readonly postal_code?: string;
  readonly country_code?: string;
}

function addressOf({ recipient = '', lines = [], city = '', postal_code = '', country_code = '' }: AddressJson) {
  return { recipient, lines, city, postalCode: postal_code, countryCode: country_code };
}

async function readJson(request: IncomingMessage): Promise<AddressJson> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as AddressJson;
}
