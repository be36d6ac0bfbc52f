import { Metadata } from 'nice-grpc-common';
import type { Caller } from '../../identity/caller.ts';
import { decodeRoles, decodeSubject, encodeRoles, encodeSubject, isServiceName } from '../../identity/caller-text.ts';
import type { Credentials } from '../authenticator.ts';
import { invalidIdentity } from './errors.ts';

/**
 * The user on whose behalf a service calls, and the roles of that user. Believed only if the
 * channel proves the service.
 */
const subjectKey = 'mesh-subject';
const rolesKey = 'mesh-roles';
/** Which service of this process calls. Believed only with the secret of the process. */
const serviceKey = 'mesh-service';
const secretKey = 'mesh-process-secret';

/** Its value is `outside` if a service only passes on a call from outside of the mesh, and does not make it itself. */
const originKey = 'mesh-origin';
const outside = 'outside';
/** When the token of such a call expires, in milliseconds since the epoch. Only streams have it. */
const expiryKey = 'mesh-expires-ms';

/** Its value is `yes` if the process that calls authenticates its own callers. */
const authenticatedKey = 'mesh-authenticated';

/** The keys of metadata by which services say for whom they call. */
export const identityKeys = [
  subjectKey,
  rolesKey,
  serviceKey,
  secretKey,
  originKey,
  expiryKey,
  authenticatedKey,
] as const;

/** Removes what says who calls: handlers learn it from the caller in their context. */
export function removeIdentity(metadata: Metadata): Metadata {
  for (const key of identityKeys) metadata.delete(key);
  return metadata;
}

/** Whether there is any. */
export function hasIdentity(credentials: Credentials): boolean {
  return identityKeys.some((key) => credentials.textMetadata(key) !== undefined);
}

/** The secret that a call has; `undefined` if it has none. */
export function secretOf(credentials: Credentials): string | undefined {
  return credentials.textMetadata(secretKey);
}

/**
 * The service that a call with the process's secret is from; `undefined` if it names none. Throws UNAUTHENTICATED
 * `INVALID_IDENTITY`.
 */
export function readService(credentials: Credentials): string | undefined {
  const service = credentials.textMetadata(serviceKey);
  if (service !== undefined && !isServiceName(service)) throw invalidIdentity({ key: serviceKey });
  return service;
}

/** The subject on whose behalf a service calls. Throws UNAUTHENTICATED `INVALID_IDENTITY`. */
export function readSubject(credentials: Credentials): Pick<Caller, 'subject' | 'roles'> {
  const text = credentials.textMetadata(subjectKey);
  // Roles belong to a subject.
  if (text === undefined) return { subject: undefined, roles: [] };
  const subject = decodeSubject(text);
  if (subject === undefined) throw invalidIdentity({ key: subjectKey });
  const roles = decodeRoles(credentials.textMetadata(rolesKey) ?? '');
  if (roles === undefined) throw invalidIdentity({ key: rolesKey });
  return { subject, roles };
}

/** Adds on whose behalf a service calls. */
export function setSubject(metadata: Metadata, { subject, roles }: Pick<Caller, 'subject' | 'roles'>): void {
  if (subject === undefined) return;
  metadata.set(subjectKey, encodeSubject(subject));
  if (roles.length > 0) metadata.set(rolesKey, encodeRoles(roles));
}

/** Adds which service of this process calls. */
export function setService(metadata: Metadata, service: string, secret: string): void {
  metadata.set(serviceKey, service);
  metadata.set(secretKey, secret);
}

/** Adds that the process that calls authenticates its own callers. */
export function setAuthenticated(metadata: Metadata): void {
  metadata.set(authenticatedKey, 'yes');
}

/** Whether the process that calls authenticates its own callers. */
export function authenticatesCallers(credentials: Credentials): boolean {
  return credentials.textMetadata(authenticatedKey) !== undefined;
}

/** Adds that the call comes from outside of the mesh. */
export function setPassedOn(metadata: Metadata): void {
  metadata.set(originKey, outside);
}

/**
 * The names and values, in turn, that say for whom a call from outside of the mesh is made. `caller` is `undefined` if nobody has
 * asked.
 */
export function passedOnMetadata(
  caller: Pick<Caller, 'subject' | 'roles' | 'expiresMs'> | undefined,
  isStream: boolean,
): string[] {
  const metadata = Metadata();
  setPassedOn(metadata);
  if (caller) {
    setAuthenticated(metadata);
    setSubject(metadata, caller);
  }
  if (isStream && caller?.expiresMs !== undefined)
    metadata.set(expiryKey, `${Math.min(Math.ceil(caller.expiresMs), Number.MAX_SAFE_INTEGER)}`);
  return [...metadata].flatMap(([key, values]) => values.flatMap((value) => [key, `${value}`]));
}

/** When the token of a call that a service passes on expires. Throws UNAUTHENTICATED `INVALID_IDENTITY`. */
export function readExpiry(credentials: Credentials): Pick<Caller, 'expiresMs'> {
  const text = credentials.textMetadata(expiryKey);
  if (text === undefined) return {};
  if (!/^\d{1,16}$/.test(text)) throw invalidIdentity({ key: expiryKey });
  return { expiresMs: Number(text) };
}

/** Whether a service only passes on the call. Throws UNAUTHENTICATED `INVALID_IDENTITY`. */
export function isPassedOn(credentials: Credentials): boolean {
  const origin = credentials.textMetadata(originKey);
  if (origin !== undefined && origin !== outside) throw invalidIdentity({ key: originKey });
  return origin === outside;
}
