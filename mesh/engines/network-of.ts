import type { Socket } from 'node:net';

/** Returns what limits of an address count together: the address of a peer, or the network of its host. */
export function sharedAddressOf({ remoteAddress = 'unknown' }: Socket): string {
  return networkOf(remoteAddress) ?? remoteAddress;
}

/**
 * Returns an IPv4 address; or the /64 of a global IPv6 address, which belongs to one host: that has all its addresses to
 * itself. In private networks (fc00::/7) and on one link (fe80::/10), a /64 has many hosts: then the whole address.
 * `undefined` for loopback, and for what is no address.
 */
export function networkOf(host: string): string | undefined {
  const bare = host.replace(/^\[|\]$/g, '').replace(/%.*$/, '');
  const ipv4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1];
  if (ipv4 !== undefined) return ipv4.startsWith('127.') ? undefined : ipv4;
  if (!bare.includes(':') || bare === '::1') return undefined;
  const [head = '', tail] = bare.toLowerCase().split('::');
  const before = groupsOf(head);
  const after = groupsOf(tail ?? '');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  const groups = [...before, ...Array<string>(zeros).fill('0'), ...after];
  return (isPrivate(groups) ? groups : groups.slice(0, 4)).join(':');
}

function isPrivate([first = '']: readonly string[]): boolean {
  return /^(?:f[cd]..|fe[89ab].)$/.test(first);
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').map((group) => group.replace(/^0+(?=.)/, ''));
}
