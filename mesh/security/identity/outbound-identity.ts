import type { Metadata } from 'nice-grpc-common';
import type { CallScope } from '../../telemetry/call-scope.ts';
import { removeIdentity, setAuthenticated, setPassedOn, setService, setSubject } from './identity-metadata.ts';
import type { ProcessSecret } from './process-secret.ts';

/** Where an attempt of a call goes, and who makes it. */
export interface OutboundCaller {
  /** The service that calls; `undefined`: a part of the process that is none. */
  readonly service: string | undefined;
  /** What the call is made for. */
  readonly scope: Pick<CallScope, 'caller' | 'passedOn'> | undefined;
  /** Who is there for certain: this process, or the service that is called. `undefined`: nobody knows. */
  readonly proven: 'process' | 'service' | undefined;
}

/** Writes into the metadata of an attempt who makes it, in place of what an earlier attempt wrote there. */
export type WriteIdentity = (metadata: Metadata, caller: OutboundCaller) => void;

/** For calls from outside that a process passes on without asking who makes them: they must not count as its own. */
export const writePassedOn: WriteIdentity = (metadata, { proven }) => {
  removeIdentity(metadata);
  if (proven === 'service') setPassedOn(metadata);
};

/**
 * Creates what says in calls of services who makes them: which service, to this process, since to others its
 * certificate does; and on behalf of whom. Whoever may listen in, or take the place of a service, learns nothing, and
 * gets no token, except that of a call that is only passed on.
 */
export function createIdentityWriter(secret: ProcessSecret): WriteIdentity {
  return (metadata, { service, scope, proven }) => {
    removeIdentity(metadata);
    const { caller, passedOn } = scope ?? {};
    if (passedOn) metadata.delete('authorization');
    if (proven === undefined) {
      if (passedOn?.authorization !== undefined) metadata.set('authorization', passedOn.authorization);
      return;
    }
    if (proven === 'process') {
      // Without a name it would be nobody's call.
      if (service === undefined) return;
      setService(metadata, service, secret.text);
    } else setAuthenticated(metadata);
    if (passedOn) setPassedOn(metadata);
    if (caller) setSubject(metadata, caller);
  };
}
