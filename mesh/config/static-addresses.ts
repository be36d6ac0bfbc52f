import { parseAddress } from './address.ts';

/** `host:port` of services, by name. */
export type StaticAddresses = ReadonlyMap<string, string>;

/** Reads `static:user=10.0.0.1:50051,order=10.0.0.2:50051`; `undefined` when it is nothing of the kind. */
export function parseStaticAddresses(text: string): StaticAddresses | undefined {
  if (!text.startsWith('static:')) return undefined;
  const addresses = new Map<string, string>();
  for (const entry of text.slice('static:'.length).split(',')) {
    if (entry === '') continue;
    const [, name, text = ''] = /^([a-z][a-z-]*)=(.*)$/.exec(entry) ?? [];
    const address = parseAddress(text);
    if (name === undefined || address === undefined || addresses.has(name)) return undefined;
    addresses.set(name, address);
  }
  return addresses;
}
