import { staleEtag, type Transaction } from '#mesh';
import type { ChangingUsers } from './create-user.ts';
import { userNotFound } from './errors.ts';
import { userDeleted } from './events.ts';
import { findUser, removeUser } from './store.ts';

/** Deletes a user and frees its e-mail address. Refuses an unknown id, and a set etag that is stale. */
export async function deleteUser(
  tx: Transaction,
  { id, etag }: { readonly id: string; readonly etag: string },
  { outbox, clock }: ChangingUsers,
): Promise<void> {
  const user = await removeUser(tx, id, etag);
  if (!user) throw (await findUser(tx, id)) ? staleEtag({ thing: 'user', id, etag }) : userNotFound({ id });
  await outbox.addEvent(tx, userDeleted(user, clock.now()));
}
