import { type Caller, invalidRequest, staleEtag, type Transaction } from '#mesh';
import type { UserDeps } from './create-user.ts';
import { roleNotPermitted, userEmailTaken, userNotFound, userOfAdmins } from './errors.ts';
import { userDeleted, userUpdated } from './events.ts';
import { mayChangeUser, mayGiveRole } from './role.ts';
import { findUser, getUser, removeUser, replaceUser } from './store.ts';
import { changeUser, type User, type UserChange } from './user.ts';

export interface UserUpdate {
  readonly id: string;
  /** The version that the caller has read; empty for any. */
  readonly etag: string;
  readonly values: Required<UserChange>;
  /** The fields to take from `values`. Empty: those that are not empty. */
  readonly paths: readonly string[];
}

const changeable = ['name', 'email', 'role'] as const;
type ChangeableField = (typeof changeable)[number];

/**
 * Changes a user. A change without a difference keeps version and time and publishes nothing. Throws INVALID_ARGUMENT,
 * NOT_FOUND `USER_NOT_FOUND`, ABORTED if the etag is stale, PERMISSION_DENIED for a role or a user
 * of admins, and ALREADY_EXISTS if the e-mail address is taken.
 */
export async function updateUser(tx: Transaction, update: UserUpdate, deps: UserDeps): Promise<User> {
  const { id, etag } = update;
  const change = readChange(update);
  for (;;) {
    const user = await getUser(tx, id);
    assertMayChange(deps.caller, user);
    if (etag !== '' && etag !== user.version.toString()) throw staleEtag({ thing: 'user', id, etag });
    const next = changeUser(user, change, deps.clock.now());
    if (next === user) return user;
    if (next.role !== user.role) assertMayChangeRole(deps.caller, [user.role, next.role]);
    const outcome = await replaceUser(tx, user, next);
    if (outcome === 'email-taken') throw userEmailTaken({ email: next.email });
    if (outcome === 'has-changed') continue;
    await deps.outbox.addEvent(tx, userUpdated(next));
    return next;
  }
}

function assertMayChange(caller: Caller | undefined, user: User): void {
  if (!mayChangeUser(caller, user)) throw userOfAdmins({ id: user.id });
}

function assertMayChangeRole(caller: Caller | undefined, roles: readonly string[]): void {
  const refused = roles.find((role) => !mayGiveRole(caller, role));
  if (refused !== undefined) throw roleNotPermitted({ role: refused });
}

/**
 * Deletes a user and frees its e-mail address. Throws NOT_FOUND `USER_NOT_FOUND`, ABORTED if the etag is stale, or
 * PERMISSION_DENIED for a user of admins.
 */
export async function deleteUser(
  tx: Transaction,
  { id, etag }: { readonly id: string; readonly etag: string },
  { outbox, clock, caller }: UserDeps,
): Promise<void> {
  const user = await removeUser(tx, id, etag);
  if (!user) throw (await findUser(tx, id)) ? staleEtag({ thing: 'user', id, etag }) : userNotFound({ id });
  // The transaction is rolled back. Before the deletion, the role could still change.
  assertMayChange(caller, user);
  await outbox.addEvent(tx, userDeleted(user, clock.now()));
}

function readChange({ id, values, paths }: UserUpdate): UserChange {
  const fields = chooseFields(values, paths);
  const violations = [
    ...(id === '' ? [{ field: 'user.id', description: 'must name the user to change' }] : []),
    ...paths
      .filter((path) => path !== '*' && !isChangeable(path))
      .map((path) => ({ field: 'update_mask', description: `"${path}" is not one of name, email, role, *` })),
    ...fields
      .filter((field) => field !== 'role' && values[field].trim() === '')
      .map((field) => ({ field: `user.${field}`, description: 'must not be empty' })),
  ];
  if (violations.length > 0) throw invalidRequest(violations);
  return Object.fromEntries(fields.map((field) => [field, values[field]]));
}

function chooseFields(values: UserUpdate['values'], paths: readonly string[]): readonly ChangeableField[] {
  if (paths.includes('*')) return changeable;
  if (paths.length === 0) return changeable.filter((field) => values[field] !== '');
  return changeable.filter((field) => paths.includes(field));
}

function isChangeable(path: string): boolean {
  return changeable.some((field) => field === path);
}
