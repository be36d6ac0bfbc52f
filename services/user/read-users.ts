import type { Queryable } from '#mesh';
import { userNotFound } from './errors.ts';
import { findUser, findUsers } from './store.ts';
import type { User } from './user.ts';

/** The user with this id; refuses an unknown one. */
export async function getUser(db: Queryable, id: string): Promise<User> {
  const user = await findUser(db, id);
  if (!user) throw userNotFound({ id });
  return user;
}

/** The users that exist, in the order asked for and once each, and the ids that do not. */
export async function batchGetUsers(
  db: Queryable,
  ids: readonly string[],
): Promise<{ readonly users: User[]; readonly missingIds: string[] }> {
  const distinctIds = [...new Set(ids)];
  const found = new Map((await findUsers(db, distinctIds)).map((user) => [user.id, user]));
  return {
    users: distinctIds.flatMap((id) => found.get(id) ?? []),
    missingIds: distinctIds.filter((id) => !found.has(id)),
  };
}
