import { anonymous, type Caller } from '../../identity/caller.ts';
import type { Authenticator } from '../authenticator.ts';

/**
 * Believes what the metadata `test-service`, `test-subject`, `test-roles` (separated by
 * commas) and `test-expires-ms` say.
 */
export const plainAuthenticator: Authenticator = {
  authenticate: (credentials): Caller => {
    const service = credentials.textMetadata('test-service');
    const subject = credentials.textMetadata('test-subject');
    const expiresMs = credentials.textMetadata('test-expires-ms');
    if (service === undefined && subject === undefined) return anonymous;
    const roles = credentials.textMetadata('test-roles')?.split(',') ?? [];
    return { service, subject, roles, ...(expiresMs !== undefined && { expiresMs: Number(expiresMs) }) };
  },
};
