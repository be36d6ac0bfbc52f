import type { FastifyRequest } from 'fastify';
import { peerOf } from '../engines/hang-up.ts';
import type { Caller } from '../identity/caller.ts';
import type { Authenticator } from '../security/authenticator.ts';
import { tokenExpired, unauthenticated } from '../security/authorization/errors.ts';
import type { ReportDenial } from '../security/authorization/method-access.ts';
import { invalidToken } from '../security/tokens/errors.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import type { CallableMethod } from './method-calls.ts';

/**
 * Finds out who sends a request of a method. `undefined`: there is nothing to wait for. Throws or rejects as an Authenticator does, and
 * with UNAUTHENTICATED if nobody is known and the method is not for anyone: such a request goes no further, and its body is not read.
 */
export type Identify = (
  request: FastifyRequest,
  method: Pick<CallableMethod, 'isForAnyone'>,
) => Promise<void> | undefined;

/** Lets an authenticator find out who sends requests. Without one, everybody is let through, and nobody is known. */
export function createIdentify(authenticator: Authenticator | undefined, report: ReportDenial): Identify {
  if (authenticator === undefined) return () => undefined;
  return ({ call, headers, raw }, { isForAnyone }) => {
    const { authorization } = headers;
    // Node keeps the first one, and another reader may take the last.
    const isTwice = authorization !== undefined && countOf(raw.rawHeaders, 'authorization') > 1;
    const textMetadata = (key: string) => (isTwice && key === 'authorization' ? '' : textOf(headers[key]));
    const caller = runInScope(call, () => authenticator.authenticate({ peer: peerOf(raw.socket), textMetadata }));
    const admit = (found: Caller) => {
      call.identified(found, authorization);
      if (isForAnyone || found.subject) return;
      report(call, found, 'a token');
      throw unauthenticated({ path: call.path });
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
