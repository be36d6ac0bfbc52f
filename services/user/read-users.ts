import { type Queryable, readPages } from '#mesh';
import { userNotFound } from './errors.ts';
import { findUser, findUsers, findUsersAfter } from './store.ts';
import type { User } from './user.ts';

/** Which users to list. */
export interface UserListing {
  /** Only users with a greater id. */
  readonly afterId: string;
  /** The most users to list; 0 lists all. */
  readonly limit: number;
  /** Only users with this role; empty lists any. */
  readonly role: string;
}

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

/**
 * Lists users in id order, page by page. It reads a page when the one before has been consumed, and fails once `signal`
 * aborts.
 */
export function listUsers(db: Queryable, listing: UserListing, signal: AbortSignal): AsyncGenerator<readonly User[]> {
  return readPages({
    after: listing.afterId,
    limit: listing.limit,
    signal,
    fetch: (afterId, size) => findUsersAfter(db, afterId, listing.role, size),
    cursorOf: (user) => user.id,
  });
}
