import type { Client } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import type { User, UserServiceDefinition } from '#gen/user/v1/user.ts';
import { MeshError } from '#mesh';
import { unknownRecipient } from './errors.ts';

/** Finds whom to write to. INVALID_ARGUMENT `UNKNOWN_RECIPIENT` for a user who is gone. */
export type FindRecipient = (userId: string) => Promise<User>;

/**
 * Asks the user service, for each event again: an answer that is kept or shared with a later event may be older than a change
 * of address that its caller has seen complete, and mail would go to the address before.
 */
export function createFindRecipient(users: Client<UserServiceDefinition>): FindRecipient {
  return async (id) => {
    try {
      return await users.getUser({ id });
    } catch (error) {
      // A user who is gone has no address any more, which no further attempt changes.
      if (error instanceof MeshError && error.code === Status.NOT_FOUND) throw unknownRecipient({ userId: id });
      throw error;
    }
  };
}
