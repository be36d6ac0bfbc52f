/** A user as the service knows it. */
export interface User {
  readonly id: string;
  readonly name: string;
  readonly email: string;
  readonly role: string;
  /** Counts the changes of this id, its creation included; goes on when a deleted id is used again. */
  readonly version: bigint;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** What a caller says of a new user. An empty id asks for one. */
export type UserDraft = Pick<User, 'id' | 'name' | 'email' | 'role'>;

/** New values for some of the fields that can be changed. */
export type UserChange = Partial<Pick<User, 'name' | 'email' | 'role'>>;

/** The user in its first version. */
export function newUser(draft: UserDraft, nowMs: number): User {
  const { id, name, email, role } = draft;
  return { id, name, email, role, version: 1n, createTimeMs: nowMs, updateTimeMs: nowMs };
}

/** The user's next version; the same object when the change changes nothing, so that repeating one makes no noise. */
export function changeUser(user: User, change: UserChange, nowMs: number): User {
  const { name, email, role } = { ...user, ...change };
  if (name === user.name && email === user.email && role === user.role) return user;
  return { ...user, name, email, role, version: user.version + 1n, updateTimeMs: nowMs };
}

/** What an e-mail address is compared by: two that differ only in case are the same. */
export function emailKey(email: string): string {
  return email.toLowerCase();
}
