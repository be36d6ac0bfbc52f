import { invalidRequest, staleEtag, type Transaction } from '#mesh';
import type { ChangingUsers } from './create-user.ts';
import { userEmailTaken, userNotFound } from './errors.ts';
import { userUpdated } from './events.ts';
import { findUser, replaceUser } from './store.ts';
import { changeUser, type User, type UserChange } from './user.ts';

/** What a caller wants changed. */
export interface UserUpdate {
  readonly id: string;
  /** The version the caller saw; empty when any will do. */
  readonly etag: string;
  readonly values: Required<UserChange>;
  /** The fields to take from `values`; none: those that are not empty. */
  readonly paths: readonly string[];
}

const changeable = ['name', 'email', 'role'] as const;
type ChangeableField = (typeof changeable)[number];

/**
 * Changes a user. A change that changes nothing keeps version and time and publishes nothing. Refuses unknown paths, an
 * unknown id, a stale etag, a taken e-mail address, and to empty name or e-mail address.
 */
export async function updateUser(tx: Transaction, update: UserUpdate, deps: ChangingUsers): Promise<User> {
  const { id, etag } = update;
  const change = readChange(update);
  for (;;) {
    const user = await findUser(tx, id);
    if (!user) throw userNotFound({ id });
    if (etag !== '' && etag !== user.version.toString()) throw staleEtag({ thing: 'user', id, etag });
    const next = changeUser(user, change, deps.clock.now());
    if (next === user) return user;
    const outcome = await replaceUser(tx, user, next);
    if (outcome === 'email-taken') throw userEmailTaken({ email: next.email });
    if (outcome === 'changed-meanwhile') continue;
    await deps.outbox.addEvent(tx, userUpdated(next));
    return next;
  }
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
