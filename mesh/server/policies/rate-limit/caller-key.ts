import { createHash } from 'node:crypto';
import type { Caller } from '../../../identity/caller.ts';
import { isDoor } from '../../../identity/doors.ts';

/** Whose calls are counted together. */
export interface CountedCaller {
  readonly by: 'subject' | 'service' | 'address';
  /** Short, and different for all callers. */
  readonly key: string;
}

const maxNameLength = 128;

/**
 * Returns whose a call is: of its subject, else of the service that makes it, else of the address of its peer (`host:port`).
 * `undefined`: it is not counted, because nobody is known: it is passed on for somebody unknown, or comes from this machine.
 */
export function countedCaller(caller: Caller | undefined, peer: string): CountedCaller | undefined {
  if (caller?.subject !== undefined) return { by: 'subject', key: `u${short(caller.subject)}` };
  if (caller?.service !== undefined) {
    return isDoor(caller.service) ? undefined : { by: 'service', key: `s${short(caller.service)}` };
  }
  const network = networkOf(peer.slice(0, Math.max(0, peer.lastIndexOf(':'))));
  return network === undefined ? undefined : { by: 'address', key: `a${network}` };
}

/** A bounded text for a name of any length. */
function short(name: string): string {
  return name.length <= maxNameLength ? name : createHash('sha256').update(name).digest('base64');
}

/**
 * Returns an IPv4 address, or the /64 of an IPv6 address, which belongs to one host: that has all its addresses to itself.
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
  return [...before, ...Array<string>(zeros).fill('0'), ...after].slice(0, 4).join(':');
}

function groupsOf(text: string): string[] {
  return text === '' ? [] : text.split(':').map((group) => group.replace(/^0+(?=.)/, ''));
}
