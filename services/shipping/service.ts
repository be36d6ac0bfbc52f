import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { defineService, type Setting, serve } from '#mesh';
import { openEmbeddedCarrier } from './carrier/embedded-carrier.ts';
import { createHttpCarrier } from './carrier/http-carrier.ts';
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
    const carrier =
      settings.carrierUrl === 'embedded:'
        ? await openEmbeddedCarrier(await openStorage('carrier', { poolSize: 2 }))
        : createHttpCarrier(settings.carrierUrl);
    const rpc = createShippingRpc({ storage, carrier, outbox, clock });
    return {
      serves: [serve(ShippingServiceContract, rpc, { outsidePayload: { createShipment: ['userId'] } })],
      close: async () => carrier.close(),
    };
  },
});

function isBaseUrl(text: string): boolean {
  return /^https?:\/\/[^?#]+$/i.test(text) && URL.canParse(text);
}
