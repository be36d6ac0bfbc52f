import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { defineService, type Setting, serve } from '#mesh';
import { createHttpCarrier } from './carrier/http-carrier.ts';
import { startSimulatedCarrier } from './carrier/simulated-carrier.ts';
import { shippingTopic } from './events.ts';
import { createShippingRpc } from './rpc.ts';

const carrierUrl: Setting<string> = {
  variable: 'CARRIER_URL',
  isSecret: true,
  default: 'embedded:',
  allowed: 'embedded: or http(s)://<host>',
  doc: '`embedded:` (simulated), `http(s)://<host>`',
  parse: (text) => (text === 'embedded:' || isBaseUrl(text) ? text : undefined),
};

export const shippingService = defineService({
  name: 'shipping',
  settings: { carrierUrl },
  migrations: new URL('./migrations/', import.meta.url),
  topics: [shippingTopic],
  setup: async ({ settings, storage, outbox, openStorage, clock }) => {
    // The simulated carrier runs in this process, and is called over HTTP like a real one.
    const simulated =
      settings.carrierUrl === 'embedded:'
        ? await startSimulatedCarrier(await openStorage('carrier', { poolSize: 2 }))
        : undefined;
    const carrier = createHttpCarrier(simulated?.url ?? settings.carrierUrl);
    const rpc = createShippingRpc({ storage, carrier, outbox, clock });
    return {
      serves: [serve(ShippingServiceContract, rpc, { outsidePayload: { createShipment: ['userId'] } })],
      close: async () => {
        carrier.close();
        await simulated?.close();
      },
    };
  },
});

function isBaseUrl(text: string): boolean {
  return /^https?:\/\/[^?#]+$/i.test(text) && URL.canParse(text);
}
