import type { StaticAddresses } from '../../config/static-addresses.ts';
import type { Discovery } from '../discovery.ts';

/** Finds services at the addresses of the settings, which never change. */
export function createStaticDiscovery(addresses: StaticAddresses): Discovery {
  return {
    scheme: 'static',
    knows: (service) => (addresses.has(service) ? 'certain' : 'no'),
    names: () => [...addresses.keys()],
    watch(service, changed) {
      const endpoints = (addresses.get(service) ?? []).map((address) => ({ address, state: 'ready' as const }));
      changed({ endpoints });
      return () => undefined;
    },
    refresh: () => undefined,
    close: () => Promise.resolve(),
  };
}
