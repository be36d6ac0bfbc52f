import { createHash } from 'node:crypto';
import { networkOf } from '../../../engines/network-of.ts';
import type { Caller } from '../../../identity/caller.ts';
import { isDoor } from '../../../identity/doors.ts';
import type { Credentials } from '../../../security/authenticator.ts';

/** What a call has of who makes it. */
export interface CallerParts {
  /** `host:port`. */
  readonly peer: string;
  /** `undefined`: nobody asks who calls. */
  readonly caller: Caller | undefined;
  readonly credentials: Pick<Credentials, 'peerService'>;
}

/** Whose calls are counted together. */
export interface CountedCaller {
  readonly by: 'subject' | 'service' | 'address';
  /** Short, and different for all callers. */
  readonly key: string;
}

const maxNameLength = 128;

/**
 * Returns whose a call is: of its subject, else of the service that makes it, else of the address of its peer (`host:port`).
 * `undefined`: it is not counted, because nobody is known: it comes from this machine, or is passed on for somebody
 * unknown, who is counted where the call came in.
 */
export function countedCaller({ caller, peer, credentials }: CallerParts): CountedCaller | undefined {
  if (caller?.subject !== undefined) return { by: 'subject', key: `u${short(caller.subject)}` };
  if (caller?.service !== undefined) {
    return isDoor(caller.service) ? undefined : { by: 'service', key: `s${short(caller.service)}` };
  }
  // Where nobody asks who calls, the certificate of a door still proves it.
  const { peerService } = credentials;
  const isPassedOn = caller === undefined ? peerService !== undefined && isDoor(peerService) : caller.isPassedOn;
  if (isPassedOn) return undefined;
  const network = networkOf(peer.slice(0, Math.max(0, peer.lastIndexOf(':'))));
  return network === undefined ? undefined : { by: 'address', key: `a${network}` };
}

/** A bounded text for a name of any length. */
function short(name: string): string {
  return name.length <= maxNameLength ? name : createHash('sha256').update(name).digest('base64');
}
