import type { Client } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import type { User, UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import { unknownRecipient } from './errors.ts';

/** Finds whom to write to. INVALID_ARGUMENT `UNKNOWN_RECIPIENT` for a user who is gone. */
export type FindRecipient = (userId: string) => Promise<User>;

const keptMs = 5_000;
const maxKept = 10_000;

interface Kept {
  readonly user: Promise<User>;
  readonly askedMs: number;
}

/**
 * Asks the user service, and keeps each answer for 5 s, 10,000 of them at most: the events of an order come within a few
 * seconds, and a partition of events waits for each answer. What is not found or not answered is asked for again.
 */
export function createFindRecipient(users: Client<UserServiceDefinition>, clock: Clock): FindRecipient {
  const kept = new Map<string, Kept>();
  return async (id) => {
    const known = kept.get(id);
    if (known && clock.elapsedMs() - known.askedMs < keptMs) return await known.user;
    const asked = { user: ask(users, id), askedMs: clock.elapsedMs() };
    kept.delete(id);
    kept.set(id, asked);
    const [oldest] = kept.keys();
    if (kept.size > maxKept && oldest !== undefined) kept.delete(oldest);
    try {
      return await asked.user;
    } catch (error) {
      if (kept.get(id) === asked) kept.delete(id);
      throw error;
    }
  };
}

/** A user who is gone has no address any more, which no further attempt changes. */
async function ask(users: Client<UserServiceDefinition>, id: string): Promise<User> {
  try {
    return await users.getUser({ id });
  } catch (error) {
    if (error instanceof MeshError && error.code === Status.NOT_FOUND) throw unknownRecipient(id);
    throw error;
  }
}
