import type { ServiceDefinition } from '../../../mesh/app/service/service.ts';
import type { Storage } from '../../../mesh/storage/storage.ts';
import { openEmbeddedCarrier } from '../../../services/shipping/carrier/embedded-carrier.ts';
import { allServicesWith } from '../../support/all-services.ts';

const databases = new Map<string, Storage>();

/** All services that have data. The carrier is the embedded one, whose bookings are in the data folder like all else. */
export const storedServices: readonly ServiceDefinition[] = allServicesWith('shipping', (runtime) => ({
  ...runtime,
  openStorage: async (database, options) => {
    const storage = await runtime.openStorage(database, options);
    if (database === 'carrier') databases.set(runtime.config.dataDir, storage);
    return storage;
  },
})).filter(({ hasEdge, isStateless }) => !hasEdge && !isStateless);

/** Returns the live shipments of the carrier of a running mesh, by its data folder. */
export async function liveShipmentsIn(dataDir: string): Promise<readonly string[]> {
  const storage = databases.get(dataDir);
  if (!storage) throw new Error(`no mesh of storedServices runs on ${dataDir}`);
  return await (await openEmbeddedCarrier(storage)).liveShipments();
}
