import { paddedList, type Queryable, type Transaction } from '#mesh';
import { userNotFound } from './errors.ts';
import { emailKey, type User } from './user.ts';

type UserRow = {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
};

const columns = 'id, name, email, role, version, create_time, update_time';
const findSql = `SELECT ${columns} FROM users WHERE id = $1`;
const pageSql = `SELECT ${columns} FROM users WHERE id > $1 ORDER BY id LIMIT $2`;
const pageOfRoleSql = `SELECT ${columns} FROM users WHERE role = $3 AND id > $1 ORDER BY id LIMIT $2`;

export async function findUser(db: Queryable, id: string): Promise<User | undefined> {
  const [row] = await db.query<UserRow>(findSql, [id]);
  return row && toUser(row);
}

/** Returns the user with this id. Throws NOT_FOUND `USER_NOT_FOUND`. */
export async function getUser(db: Queryable, id: string): Promise<User> {
  const user = await findUser(db, id);
  if (!user) throw userNotFound({ id });
  return user;
}

/** Returns the users that exist, in the order of the ids and once each, and the ids of the others. */
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

async function findUsers(db: Queryable, ids: readonly string[]): Promise<User[]> {
  const { placeholders, params } = paddedList(ids);
  const rows = await db.query<UserRow>(`SELECT ${columns} FROM users WHERE id IN (${placeholders})`, params);
  return rows.map(toUser);
}

/** Returns the next users after an id, in id order. An empty role is any role. */
export async function findUsersAfter(db: Queryable, afterId: string, role: string, limit: number): Promise<User[]> {
  const rows =
    role === ''
      ? await db.query<UserRow>(pageSql, [afterId, limit])
      : await db.query<UserRow>(pageOfRoleSql, [afterId, limit, role]);
  return rows.map(toUser);
}

/** Adds a user in its first version, or in the next one if the id was deleted. Adds nothing if the id or address is taken. */
export async function insertUser(tx: Transaction, user: User): Promise<User | 'id-taken' | 'email-taken'> {
  const { id, name, email, role, version, createTimeMs, updateTimeMs } = user;
  const added = await tx.execute(
    `INSERT INTO users (${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
    [id, name, email, role, version, createTimeMs, updateTimeMs],
  );
  if (added === 0) return 'id-taken';
  if (!(await claimEmail(tx, user))) {
    await tx.execute('DELETE FROM users WHERE id = $1', [user.id]);
    return 'email-taken';
  }
  return continueVersions(tx, user);
}

/** Replaces the previous version of a user with the next. */
export async function replaceUser(
  tx: Transaction,
  previous: User,
  next: User,
): Promise<'replaced' | 'has-changed' | 'email-taken'> {
  const replaced = await tx.execute(
    'UPDATE users SET name = $3, email = $4, role = $5, version = $6, update_time = $7 WHERE id = $1 AND version = $2',
    [next.id, previous.version, next.name, next.email, next.role, next.version, next.updateTimeMs],
  );
  if (replaced === 0) return 'has-changed';
  if (emailKey(previous.email) !== emailKey(next.email)) {
    if (!(await claimEmail(tx, next))) return 'email-taken';
    await freeEmail(tx, previous);
  }
  return 'replaced';
}

/** Removes a user and returns it, if it is in the version of the etag; an empty etag is any version. */
export async function removeUser(tx: Transaction, id: string, etag: string): Promise<User | undefined> {
  const [row] = await tx.query<UserRow>(
    `DELETE FROM users WHERE id = $1 AND ($2 = '' OR CAST(version AS TEXT) = $2) RETURNING ${columns}`,
    [id, etag],
  );
  if (!row) return undefined;
  const user = toUser(row);
  await freeEmail(tx, user);
  await tx.execute('INSERT INTO deleted_users (id, version) VALUES ($1, $2)', [id, user.version + 1n]);
  return user;
}

async function claimEmail(tx: Transaction, user: User): Promise<boolean> {
  const claimed = await tx.execute(
    'INSERT INTO user_emails (email_key, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING',
    [emailKey(user.email), user.id],
  );
  return claimed === 1;
}

async function freeEmail(tx: Transaction, user: User): Promise<void> {
  await tx.execute('DELETE FROM user_emails WHERE email_key = $1', [emailKey(user.email)]);
}

// After the insert, not in it: on PostgreSQL an insert that waited for the deletion of its id does not see what the deletion
// wrote.
async function continueVersions(tx: Transaction, user: User): Promise<User> {
  const [deleted] = await tx.query<{ version: bigint }>('DELETE FROM deleted_users WHERE id = $1 RETURNING version', [
    user.id,
  ]);
  if (!deleted) return user;
  const version = deleted.version + 1n;
  await tx.execute('UPDATE users SET version = $2 WHERE id = $1', [user.id, version]);
  return { ...user, version };
}

function toUser(row: UserRow): User {
  return {
    id: row.id,
    name: row.name,
    email: row.email,
    role: row.role,
    version: row.version,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}
