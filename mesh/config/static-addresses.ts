import { parseAddress } from './address.ts';
import { UrlFault } from './discovery-url-parts.ts';
import { closest } from './misspellings.ts';
import type { ConfigFault } from './setting.ts';

/** `host:port` of the instances of services, by name; at least one each. */
export type StaticAddresses = ReadonlyMap<string, readonly string[]>;

/** Reads `static:user=10.0.0.1:50051+10.0.0.2:50051,order=10.0.0.3:50051`. Throws a UrlFault that names the entry. */
export function readStaticAddresses(text: string): StaticAddresses {
  const addresses = new Map<string, readonly string[]>();
  for (const entry of text.slice('static:'.length).split(',')) {
    if (entry === '') continue;
    const [, name, instances = ''] = /^([a-z][a-z-]*)=(.*)$/s.exec(entry) ?? [];
    if (name === undefined) throw new UrlFault(`has the entry ${JSON.stringify(entry)}: use <service>=<host>:<port>`);
    if (addresses.has(name))
      throw new UrlFault(`has two entries of ${name}: use one, ${name}=<host>:<port>+<host>:<port>`);
    addresses.set(name, [...new Set(instances.split('+').map((address) => addressOf(name, address)))]);
  }
  return addresses;
}

function addressOf(name: string, text: string): string {
  const address = parseAddress(text);
  if (address === undefined)
    throw new UrlFault(
      `has the address ${JSON.stringify(text)} of ${name}: use <host>:<port>, a port up to 65535, and + between addresses`,
    );
  return address;
}

/** The addresses whose names are not among `known`, each with the name that was probably meant. */
export function unknownServices(addresses: StaticAddresses, known: readonly string[]): ConfigFault[] {
  const unknown = [...addresses.keys()].filter((name) => !known.includes(name));
  return unknown.map((name) => {
    const meant = closest(name, known);
    const hint = meant === undefined ? 'use' : `did you mean ${meant}? Use`;
    return {
      variable: 'DISCOVERY_URL',
      problem: `has an address of ${name}, but no package of contracts has that name: ${hint} one of ${known.join(', ')}`,
    };
  });
}
