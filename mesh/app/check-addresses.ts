import { ConfigError } from '../config/config.ts';
import type { ConfigFault } from '../config/config-fault.ts';
import type { StaticAddresses } from '../config/static-addresses.ts';
import { unknownServices } from '../config/unknown-services.ts';
import { type Directory, serviceNameOf } from './directory.ts';

const variable = 'DISCOVERY_URL';

/**
 * Throws a ConfigError that names every service that is called here and is nowhere, and every address of a name that no
 * service has. `declared` are the contracts of the project; a name outside of it is known where this process calls it.
 */
export function checkAddresses(addresses: StaticAddresses, directory: Directory, declared: readonly string[]): void {
  const known = [...new Set([...declared.map(serviceNameOf), ...directory.names()])].toSorted();
  const faults = [...unknownServices(addresses, known), ...missingAddresses(directory)];
  if (faults.length > 0) throw new ConfigError(faults);
}

function missingAddresses(directory: Directory): ConfigFault[] {
  const callers = new Map<string, Set<string>>();
  for (const [contract, services] of directory.missing()) {
    const name = serviceNameOf(contract);
    callers.set(name, new Set([...(callers.get(name) ?? []), ...services]));
  }
  return [...callers].map(([name, services]) => ({
    variable,
    problem: `has no address of ${name}, which ${[...services].join(' and ')} calls and this process does not have: add ${name}=<host>:<port>`,
  }));
}
