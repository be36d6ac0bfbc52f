import { join } from 'node:path';
import { openStorage } from '../../../mesh/storage/open.ts';
import { type SimulatedCarrier, startSimulatedCarrier } from '../../../services/shipping/carrier/simulated-carrier.ts';
import type { Booking } from './outside.ts';

/** A carrier on another machine, whose power does not fail. */
export type OutsideCarrier = Pick<SimulatedCarrier, 'url' | 'liveShipments'> & AsyncDisposable;

/** Starts a carrier with its database in `folder`, which has these bookings. */
export async function startOutsideCarrier(
  folder: string,
  bookings: readonly Booking[],
  booked: (booking: Booking) => void = () => undefined,
): Promise<OutsideCarrier> {
  const storage = await openStorage(`sqlite:${join(folder, 'outside-carrier.db')}`);
  const carrier = await startSimulatedCarrier(storage, async ({ method, url }) => {
    const reference = decodeURIComponent(url?.split('/').at(-1) ?? '');
    if (method === 'GET') return 'answer';
    const isLive = (await carrier.liveShipments()).includes(reference);
    if (isLive || method === 'DELETE') booked({ reference, isLive });
    return 'answer';
  });
  for (const { reference, isLive } of bookings) {
    const method = isLive ? 'PUT' : 'DELETE';
    await fetch(`${carrier.url}shipments/${encodeURIComponent(reference)}`, {
      method,
      ...(isLive && { body: JSON.stringify({ country_code: 'DE' }) }),
    });
  }
  return {
    url: carrier.url,
    liveShipments: carrier.liveShipments,
    [Symbol.asyncDispose]: async () => {
      await carrier.close();
      await storage.close();
    },
  };
}
