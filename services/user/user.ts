export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  /** Counts the changes of this id, including its creation; continues if a deleted id is used again. */
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** A new user. An empty id has one generated. */
export type UserDraft = Pick<User, 'id' | 'name' | 'email' | 'role'>;

/** New values of fields; those left out stay as they are. */
export type UserChange = Partial<Pick<User, 'name' | 'email' | 'role'>>;

/** The user in its first version. */
export function newUser(draft: UserDraft, nowMs: number): User {
  const { id, name, email, role } = draft;
  return { id, name, email, role, version: 1n, createTimeMs: nowMs, updateTimeMs: nowMs };
}

/** Returns the user's next version, or the same object if the change makes no difference. */
export function changeUser(user: User, change: UserChange, nowMs: number): User {
  const { name, email, role } = { ...user, ...change };
  if (name === user.name && email === user.email && role === user.role) return user;
  return { ...user, name, email, role, version: user.version + 1n, updateTimeMs: nowMs };
}

/** The key by which e-mail addresses are unique: two that differ only in case are the same. */
export function emailKey(email: string): string {
  return email.toLowerCase();
}
