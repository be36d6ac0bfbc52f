import type { Caller } from './caller.ts';

/** How many roles a subject may have. */
export const maxRoles = 32;
const maxSubjectLength = 255;
// Of an encoded one; each character takes up to nine.
const maxEncodedLength = 9 * maxSubjectLength;

/** Whether a text may name a subject: 1 to 255 characters, none of them a control character. */
export function isSubject(text: string): boolean {
  return text.length > 0 && text.length <= maxSubjectLength && text.isWellFormed() && !/\p{Cc}/u.test(text);
}

/** Whether a text may name a role: 1 to 64 visible ASCII characters. */
export function isRole(text: string): boolean {
  return /^[\x21-\x7e]{1,64}$/.test(text);
}

/** Whether a text may name a service: what a SPIFFE id allows in a segment of its path. */
export function isServiceName(text: string): boolean {
  return /^[A-Za-z0-9._-]{1,128}$/.test(text);
}

/** Returns a subject as visible ASCII without commas, for a header. */
export function encodeSubject(subject: string): string {
  return encodeURIComponent(subject);
}

/** Returns the subject that `encodeSubject` encoded; `undefined` for any other text. */
export function decodeSubject(text: string): string | undefined {
  const subject = decode(text);
  return subject !== undefined && isSubject(subject) ? subject : undefined;
}

/** Returns roles as visible ASCII, for a header; empty if there are none. */
export function encodeRoles(roles: readonly string[]): string {
  return roles.map(encodeURIComponent).join();
}

/** Returns the roles that `encodeRoles` encoded; `undefined` for any other text. */
export function decodeRoles(text: string): readonly string[] | undefined {
  if (text === '') return [];
  const roles: string[] = [];
  // One part too many shows that there are too many.
  for (const part of text.split(',', maxRoles + 1)) {
    const role = decode(part);
    if (role === undefined || !isRole(role)) return undefined;
    roles.push(role);
  }
  return roles.length > maxRoles ? undefined : roles;
}

/**
 * Names who does something, for records: `user:<subject>`, `service:<name>`, or `service:<name>;user:<subject>` for a
 * service on behalf of a user. The subject is percent-encoded. `undefined` if nobody is known.
 */
export function actorOf({ service, subject }: Caller): string | undefined {
  const parts = [
    ...(service === undefined ? [] : [`service:${service}`]),
    ...(subject === undefined ? [] : [`user:${encodeURIComponent(subject)}`]),
  ];
  return parts.length === 0 ? undefined : parts.join(';');
}

// Who has made it can only be named by `actorOf`, whose parts are no longer than these.
const actorForm = /^(?=.)(?:service:[A-Za-z0-9._-]{1,128}(?:;(?=user:)|$))?(?:user:[A-Za-z0-9\-_.!~*'()%]{1,2295})?$/;

/** Whether a text is one that `actorOf` makes. */
export function isActor(text: string): boolean {
  return actorForm.test(text);
}

function decode(text: string): string | undefined {
  if (text.length > maxEncodedLength) return undefined;
  try {
    const decoded = decodeURIComponent(text);
    // There is one way to write each.
    return encodeURIComponent(decoded) === text ? decoded : undefined;
  } catch {
    return undefined;
  }
}
