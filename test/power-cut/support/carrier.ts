import { join } from 'node:path';
import type { ServiceDefinition } from '../../../mesh/app/service/service.ts';
import { openStorage } from '../../../mesh/storage/open.ts';
import type { Storage } from '../../../mesh/storage/storage.ts';
import { openEmbeddedCarrier } from '../../../services/shipping/carrier/embedded-carrier.ts';
import { type SimulatedCarrier, startSimulatedCarrier } from '../../../services/shipping/carrier/simulated-carrier.ts';
import { allServicesWith } from '../../support/all-services.ts';
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

/** All services, and what the carrier has that is simulated in their process. */
export function withEmbeddedCarrier(): Pick<SimulatedCarrier, 'liveShipments'> & {
  readonly services: readonly ServiceDefinition[];
} {
  let opened: Storage | undefined;
  const services = allServicesWith('shipping', (runtime) => ({
    ...runtime,
    async openStorage(name, options) {
      const storage = await runtime.openStorage(name, options);
      if (name === 'carrier') opened = storage;
      return storage;
    },
  }));
  return {
    services,
    async liveShipments() {
      if (!opened) throw new Error('the carrier has not been opened');
      return await (await openEmbeddedCarrier(opened)).liveShipments();
    },
  };
}
