import type { FieldChanges, ForwardedCall } from '../../engines/forwarding.ts';
import type { Caller } from '../../identity/caller.ts';
import type { Authenticator } from '../../security/authenticator.ts';
import { identityKeys, passedOnMetadata } from '../../security/identity/identity-metadata.ts';

export interface CallerOptions {
  /** Finds out who makes calls. `undefined`: calls are passed on without that, with their token. */
  readonly authenticator: Authenticator | undefined;
  /** Whether connections prove by certificates which service is there. */
  readonly provesService: boolean;
}

/** Finds out who makes the calls that a process forwards, and what services learn of that. */
export interface ForwardedCallers {
  /** Returns who makes a call; `undefined` if nobody asks. Throws, or rejects, as an Authenticator does. */
  authenticate(call: ForwardedCall): Caller | Promise<Caller> | undefined;
  /** Returns what the service gets in place of what a call says about its caller. */
  changesFor(caller: Caller | undefined, isStream: boolean): FieldChanges;
}

/**
 * Creates what decides about the identity of forwarded calls. What a call says about its caller never passes. A service
 * whose certificate proves which one it is learns who calls, and believes it because of the certificate of this
 * process; any other one gets the token, to verify it itself.
 */
export function createForwardedCallers({ authenticator, provesService }: CallerOptions): ForwardedCallers {
  const claims: ReadonlySet<string> = new Set(identityKeys);
  const claimsAndToken: ReadonlySet<string> = new Set([...identityKeys, 'authorization']);
  return {
    authenticate: (call) => authenticator?.authenticate(call),
    changesFor(caller, isStream) {
      if (!provesService) return { removed: claims, added: [] };
      // The service must not take the call for one of this process, also if nobody has asked here who makes it.
      return { removed: caller === undefined ? claims : claimsAndToken, added: passedOnMetadata(caller, isStream) };
    },
  };
}
