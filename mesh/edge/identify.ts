import type { FastifyRequest } from 'fastify';
import { peerOf } from '../engines/hang-up.ts';
import type { Caller } from '../identity/caller.ts';
import type { Authenticator } from '../security/authenticator.ts';
import { tokenExpired, unauthenticated } from '../security/authorization/errors.ts';
import type { ReportDenial } from '../security/authorization/method-access.ts';
import { invalidToken } from '../security/tokens/errors.ts';
import type { DoorRates } from '../server/policies/rate-limit/door-rates.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { CallableMethod } from './method-calls.ts';

/** What has to be known of a method to decide who may send requests of it. */
export type IdentifiedMethod = Pick<CallableMethod, 'isForAnyone'> & Partial<Pick<CallableMethod, 'policy'>>;

/**
 * Finds out who sends a request of a method. `undefined`: there is nothing to wait for. Throws or rejects as an
 * Authenticator does, with UNAUTHENTICATED if nobody is known and the method is not for anyone, and with RESOURCE_EXHAUSTED
 * `RATE_LIMITED` if the sender has used up the rate of the method: such a request goes no further, and its body is not read.
 */
export type Identify = (request: FastifyRequest, method: IdentifiedMethod) => Promise<void> | undefined;

export interface IdentifyTools {
  readonly reportDenial: ReportDenial;
  readonly rates: Pick<DoorRates, 'admit'>;
}

/** Lets an authenticator find out who sends requests. Without one, everybody is let through, and nobody is known. */
export function createIdentify(
  authenticator: Authenticator | undefined,
  { reportDenial, rates }: IdentifyTools,
): Identify {
  const count = ({ call, raw }: FastifyRequest, { policy }: IdentifiedMethod) => {
    const { path, caller } = call;
    rates.admit({ path, caller, peer: peerOf(raw.socket), credentials: {} }, policy?.rate);
  };
  if (authenticator === undefined) {
    return (request, method) => {
      count(request, method);
      return undefined;
    };
  }
  return (request, method) => {
    const { call, headers, raw } = request;
    const { authorization } = headers;
    // Node keeps the first one, and another reader may take the last.
    const isTwice = authorization !== undefined && countOf(raw.rawHeaders, 'authorization') > 1;
    const textMetadata = (key: string) => (isTwice && key === 'authorization' ? '' : textOf(headers[key]));
    const credentials = {
      peer: peerOf(raw.socket),
      textMetadata,
      get isOver() {
        return call.isOver;
      },
    };
    const caller = runInScope(call, () => authenticator.authenticate(credentials));
    const admit = (found: Caller) => {
      call.identified(found, authorization);
      if (!method.isForAnyone && !found.subject) {
        reportDenial(call, found, 'a token');
        throw unauthenticated({ path: call.path });
      }
      count(request, method);
    };
    if (caller instanceof Promise) return caller.then(admit);
    admit(caller);
    return undefined;
  };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value;
}

/** Looks at names and values in turn. */
function countOf(rawHeaders: readonly string[], name: string): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) if (rawHeaders[at]?.toLowerCase() === name) count += 1;
  return count;
}

/**
 * The header `www-authenticate` of an answer with status 401 (RFC 6750, section 3). Without a token it names no error, so the caller is not told
 * that it had one.
 */
export function challengeOf(error: unknown): string {
  const challenge = 'Bearer realm="ordermesh"';
  if (!invalidToken.is(error) && !tokenExpired.is(error)) return challenge;
  return `${challenge}, error="invalid_token", error_description="${error.message}"`;
}
