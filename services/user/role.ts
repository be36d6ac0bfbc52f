import type { Caller } from '#mesh';

/** Roles without rights of their own. */
const ordinary: ReadonlySet<string> = new Set(['', 'user']);

/**
 * Whether a caller may give a user this role, or take it away. An issuer puts it into tokens, so only an admin gives roles that
 * have rights. Without authentication, everyone may.
 */
export function mayGiveRole(caller: Caller | undefined, role: string): boolean {
  return caller === undefined || ordinary.has(role) || caller.roles.includes('admin');
}
