import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Queryable, Storage } from '#mesh';

/** A simulated carrier with the REST API of a real one, on a local port. */
export interface SimulatedCarrier {
  readonly url: string;
  /** Returns the references of the shipments that were not cancelled. */
  liveShipments(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Changes an answer before it is sent, for tests. */
export type AnswerFault = (request: IncomingMessage, response: ServerResponse) => Promise<'answer' | 'swallow'>;

const migration = {
  name: '0001-init',
  sql: `CREATE TABLE carrier_shipments (
    reference TEXT PRIMARY KEY,
    tracking_number TEXT NOT NULL,
    state TEXT NOT NULL
  )`,
};

/** Country codes that it refuses. */
const unserved: ReadonlySet<string> = new Set(['AQ', 'BV', 'HM']);

/**
 * Starts a simulated carrier that stores its bookings in `storage`. It accepts everything except addresses in Antarctica (AQ), Bouvet Island (BV), and Heard and McDonald Islands (HM).
 */
export async function startSimulatedCarrier(storage: Storage, fault?: AnswerFault): Promise<SimulatedCarrier> {
  await storage.migrate('carrier', [migration]);
  const server = createServer((request, response) => {
    answer(storage, request)
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
    liveShipments: async () => {
      const rows = await storage.query<{ reference: string }>(
        `SELECT reference FROM carrier_shipments WHERE state = 'taken' ORDER BY reference`,
      );
      return rows.map(({ reference }) => reference);
    },
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

async function answer(storage: Storage, request: IncomingMessage): Promise<Answer> {
  const reference = /^\/shipments\/([^/]+)$/.exec(request.url ?? '')?.[1];
  if (reference === undefined) return { status: 404, body: { message: 'no such resource' } };
  if (request.method === 'PUT') return take(storage, decodeURIComponent(reference), await readJson(request));
  if (request.method === 'GET') return find(storage, decodeURIComponent(reference));
  if (request.method === 'DELETE') return cancel(storage, decodeURIComponent(reference));
  return { status: 405, body: { message: 'PUT, GET or DELETE' } };
}

async function take(storage: Storage, reference: string, address: { readonly country_code?: string }): Promise<Answer> {
  const country = address.country_code ?? '';
  if (unserved.has(country)) return { status: 422, body: { message: `no delivery to ${country}` } };
  const state = await storage.transaction(async (tx) => {
    await tx.execute(
      `INSERT INTO carrier_shipments (reference, tracking_number, state) VALUES ($1, $2, 'taken') ON CONFLICT DO NOTHING`,
      [reference, trackingNumber(reference)],
    );
    return stateOf(tx, reference);
  });
  return state === 'cancelled' ? { status: 409, body: wasCancelled } : { status: 201, body: bookingOf(reference) };
}

const wasCancelled = { message: 'this reference was cancelled' };

async function find(storage: Storage, reference: string): Promise<Answer> {
  const state = await stateOf(storage, reference);
  if (state === undefined) return { status: 404, body: { message: 'no such shipment' } };
  return state === 'cancelled' ? { status: 410, body: wasCancelled } : { status: 200, body: bookingOf(reference) };
}

async function stateOf(db: Queryable, reference: string): Promise<string | undefined> {
  const [row] = await db.query<{ state: string }>('SELECT state FROM carrier_shipments WHERE reference = $1', [
    reference,
  ]);
  return row?.state;
}

function bookingOf(reference: string) {
  return { reference, carrier: 'simulated', tracking_number: trackingNumber(reference) };
}

async function cancel(storage: Storage, reference: string): Promise<Answer> {
  await storage.transaction((tx) =>
    tx.execute(
      `INSERT INTO carrier_shipments (reference, tracking_number, state) VALUES ($1, '', 'cancelled')
       ON CONFLICT (reference) DO UPDATE SET state = 'cancelled'`,
      [reference],
    ),
  );
  return { status: 200, body: { state: 'cancelled' } };
}

function trackingNumber(reference: string): string {
  return `SIM-${reference.replaceAll('-', '').slice(-12).toUpperCase()}`;
}

async function readJson(request: IncomingMessage): Promise<{ readonly country_code?: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as { readonly country_code?: string };
}
