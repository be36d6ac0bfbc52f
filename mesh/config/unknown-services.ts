import { closest } from './closest.ts';
import type { ConfigFault } from './config-fault.ts';
import type { StaticAddresses } from './static-addresses.ts';

/** The addresses of `DISCOVERY_URL` whose names are not among `known`, each with the name that may have been meant. */
export function unknownServices(addresses: StaticAddresses, known: readonly string[]): ConfigFault[] {
  const unknown = [...addresses.keys()].filter((name) => !known.includes(name));
  return unknown.map((name) => {
    const meant = closest(name, known);
    const hint = meant === undefined ? '' : `did you mean ${meant}? `;
    return {
      variable: 'DISCOVERY_URL',
      problem: `has an address of ${name}, which no service is called: ${hint}It may name ${known.join(', ')}`,
    };
  });
}
