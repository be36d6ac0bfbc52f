import { createHash } from 'node:crypto';
import { networkOf } from '../../../engines/network-of.ts';
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
    // A door passes on calls of others, who are counted if they are known.
    return isDoor(caller.service) ? undefined : { by: 'service', key: `s${short(caller.service)}` };
  }
  const network = networkOf(peer.slice(0, Math.max(0, peer.lastIndexOf(':'))));
  return network === undefined ? undefined : { by: 'address', key: `a${network}` };
}

/** A bounded text for a name of any length. */
function short(name: string): string {
  return name.length <= maxNameLength ? name : createHash('sha256').update(name).digest('base64');
}
