import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { type CreateService, createIdempotency, createOutbox, loadMigrations, type Runtime, serve } from '#mesh';
import { createHttpCarrier } from './carrier/http-carrier.ts';
import { startSimulatedCarrier } from './carrier/simulated-carrier.ts';
import { shippingTopic } from './events.ts';
import { createShippingRpc } from './rpc.ts';

/** Wires the shipping service. */
export const createShippingService: CreateService = async (runtime) => {
  const { clock, logger, events, tasks } = runtime;
  const storage = await runtime.openStorage('shipping');
  await storage.migrate('shipping', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const idempotency = await createIdempotency(storage, { clock });
  const outbox = await createOutbox({
    storage,
    events,
    tasks,
    source: '//ordermesh/shipping',
    topics: [shippingTopic],
    clock,
    logger,
  });
  const carrier = await openCarrier(runtime);
  const rpc = createShippingRpc({ storage, idempotency, carrier: createHttpCarrier(carrier.url), outbox, clock });
  return {
    name: 'shipping',
    serves: [serve(ShippingServiceContract, rpc)],
    deadLetters: [outbox.deadLetters],
    start: () => outbox.start(),
    stop: (graceMs) => outbox.stop(graceMs),
    close: () => carrier.close(),
    check: () => storage.check(),
  };
};

/** The carrier of the settings: a real one by its URL, or the simulated one in this process. */
async function openCarrier(runtime: Runtime): Promise<{ readonly url: string; close(): Promise<void> }> {
  const { carrierUrl } = runtime.config;
  if (carrierUrl === 'embedded:') return startSimulatedCarrier(await runtime.openStorage('carrier'));
  return { url: carrierUrl.endsWith('/') ? carrierUrl : `${carrierUrl}/`, close: async () => undefined };
}
