import { errorText, type Queryable, type Storage } from '#mesh';
import { carrierUnavailable } from '../errors.ts';
import type { BookingOutcome, Carrier } from './carrier.ts';

/** A simulated carrier that is called in this process, not over HTTP. */
export interface EmbeddedCarrier extends Carrier {
  /** Returns the references of the shipments that were not cancelled. */
  liveShipments(): Promise<readonly string[]>;
}

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
 * Opens a simulated carrier that stores its bookings in `storage`. It accepts everything except addresses in Antarctica (AQ),
 * Bouvet Island (BV), and Heard and McDonald Islands (HM). What it answers is durable.
 */
export async function openEmbeddedCarrier(storage: Storage): Promise<EmbeddedCarrier> {
  await storage.migrate('carrier', [migration]);
  return {
    book: ({ reference, address }, signal) => answered(() => book(storage, reference, address.countryCode, signal)),
    find: (reference, signal) =>
      answered(async () => {
        signal.throwIfAborted();
        return await find(storage, reference);
      }),
    cancel: (reference, signal) => answered(() => cancel(storage, reference, signal)),
    async liveShipments() {
      const rows = await storage.query<{ reference: string }>(
        `SELECT reference FROM carrier_shipments WHERE state = 'taken' ORDER BY reference`,
      );
      return rows.map(({ reference }) => reference);
    },
    close: () => undefined,
  };
}

/** What fails in a carrier is not known outside of it, nor whether it acted before. */
async function answered<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    throw carrierUnavailable({ failure: `gave no answer (${errorText(error)})` }, { cause: error });
  }
}

async function book(
  storage: Storage,
  reference: string,
  country: string,
  signal: AbortSignal,
): Promise<BookingOutcome> {
  if (unserved.has(country)) return { taken: false, refusal: `no delivery to ${country}` };
  return await storage.transaction(
    async (tx) => {
      const inserted = await tx.execute(
        `INSERT INTO carrier_shipments (reference, tracking_number, state) VALUES ($1, $2, 'taken') ON CONFLICT DO NOTHING`,
        [reference, trackingNumber(reference)],
      );
      return inserted === 1 ? bookingOf(reference) : ((await find(tx, reference)) ?? bookingOf(reference));
    },
    { signal },
  );
}

async function find(db: Queryable, reference: string): Promise<BookingOutcome | undefined> {
  const [row] = await db.query<{ state: string }>('SELECT state FROM carrier_shipments WHERE reference = $1', [
    reference,
  ]);
  if (row?.state === 'cancelled') return { taken: false, refusal: 'this reference was cancelled' };
  return row && bookingOf(reference);
}

async function cancel(storage: Storage, reference: string, signal: AbortSignal): Promise<void> {
  const sql = `INSERT INTO carrier_shipments (reference, tracking_number, state) VALUES ($1, '', 'cancelled')
     ON CONFLICT (reference) DO UPDATE SET state = 'cancelled'`;
  await storage.transaction((tx) => tx.execute(sql, [reference]), { signal });
}

function bookingOf(reference: string): BookingOutcome {
  return { taken: true, carrier: 'simulated', trackingNumber: trackingNumber(reference) };
}

function trackingNumber(reference: string): string {
  return `SIM-${reference.replaceAll('-', '').slice(-12).toUpperCase()}`;
}
