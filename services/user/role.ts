import type { Caller } from '#mesh';

/** Roles without rights of their own. */
const ordinary: ReadonlySet<string> = new Set(['', 'user']);

/**
 * Whether a caller may give a user this role, or take it away. An issuer puts it into tokens, so only an admin gives
 * roles that have rights. Without authentication, everyone may.
 */
export function mayGiveRole(caller: Caller | undefined, role: string): boolean {
  return caller === undefined || ordinary.has(role) || caller.roles.includes('admin');
}

/**
 * Whether a caller may change or delete a user: whoever has a role with rights is changed by an admin or by that user
 * only. Their address may be what an issuer finds an account by.
 */
export function mayChangeUser(
  caller: Caller | undefined,
  { id, role }: { readonly id: string; readonly role: string },
): boolean {
  return mayGiveRole(caller, role) || caller?.subject === id;
}
