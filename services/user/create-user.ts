import {
  type Caller,
  type Clock,
  type FieldViolation,
  invalidRequest,
  MeshError,
  type Outbox,
  type Transaction,
  uuidv7,
} from '#mesh';
import { roleNotPermitted, userEmailTaken, userIdTaken } from './errors.ts';
import { userCreated } from './events.ts';
import { mayGiveRole } from './role.ts';
import { insertUser } from './store.ts';
import { newUser, type User, type UserDraft } from './user.ts';

export interface UserDeps {
  readonly outbox: Outbox;
  readonly clock: Clock;
  /** Who asks for the change. Default: calls are not authenticated. */
  readonly caller?: Caller | undefined;
}

/** Creates a user. Throws INVALID_ARGUMENT, or ALREADY_EXISTS if the id or e-mail address is taken. */
export async function createUser(tx: Transaction, draft: UserDraft, deps: UserDeps): Promise<User> {
  const violations = findMissingFields(draft);
  if (violations.length > 0) throw invalidRequest(violations);
  const added = await addUser(tx, draft, deps);
  if (added instanceof MeshError) throw added;
  return added;
}

/**
 * Adds a complete draft and its event. If that is not permitted, or the id or address is taken, it changes nothing
 * and returns the error.
 */
export async function addUser(
  tx: Transaction,
  draft: UserDraft,
  { outbox, clock, caller }: UserDeps,
): Promise<User | MeshError> {
  if (!mayGiveRole(caller, draft.role)) return roleNotPermitted({ role: draft.role });
  const nowMs = clock.now();
  const user = newUser({ ...draft, id: draft.id || uuidv7(nowMs) }, nowMs);
  const added = await insertUser(tx, user);
  if (added === 'id-taken') return userIdTaken({ id: user.id });
  if (added === 'email-taken') return userEmailTaken({ email: user.email });
  await outbox.addEvent(tx, userCreated(added));
  return added;
}

/** Reports empty fields that the contract cannot require, because an update may leave them out. */
export function findMissingFields(draft: UserDraft): FieldViolation[] {
  const fields = ['name', 'email'] as const;
  return fields
    .filter((field) => draft[field].trim() === '')
    .map((field) => ({ field: `user.${field}`, description: 'must not be empty' }));
}
