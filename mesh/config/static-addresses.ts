import { parseAddress } from './address.ts';
import { closest } from './misspellings.ts';
import type { ConfigFault } from './setting.ts';

/** `host:port` of the instances of services, by name; at least one each. */
export type StaticAddresses = ReadonlyMap<string, readonly string[]>;

/** Reads `static:user=10.0.0.1:50051+10.0.0.2:50051,order=10.0.0.3:50051`; `undefined` if it is not valid. */
export function parseStaticAddresses(text: string): StaticAddresses | undefined {
  if (!text.startsWith('static:')) return undefined;
  const addresses = new Map<string, readonly string[]>();
  for (const entry of text.slice('static:'.length).split(',')) {
    if (entry === '') continue;
    const [, name, text = ''] = /^([a-z][a-z-]*)=(.*)$/.exec(entry) ?? [];
    const instances = text.split('+').map(parseAddress);
    if (name === undefined || addresses.has(name) || !instances.every((address) => address !== undefined))
      return undefined;
    addresses.set(name, [...new Set(instances)]);
  }
  return addresses;
}

/** The addresses whose names are not among `known`, each with the name that was probably meant. */
export function unknownServices(addresses: StaticAddresses, known: readonly string[]): ConfigFault[] {
  const unknown = [...addresses.keys()].filter((name) => !known.includes(name));
  return unknown.map((name) => {
    const meant = closest(name, known);
    const hint = meant === undefined ? 'use' : `did you mean ${meant}? Use`;
    return {
      variable: 'DISCOVERY_URL',
      problem: `has an address of ${name}, but no service has that name: ${hint} one of ${known.join(', ')}`,
    };
  });
}
