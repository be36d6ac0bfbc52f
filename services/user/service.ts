import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createIdempotency, defineService, serve } from '#mesh';
import { userTopic } from './events.ts';
import { createUserRpc } from './rpc.ts';

export const userService = defineService({
  name: 'user',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [userTopic],
  setup: async ({ storage, outbox, clock }) => {
    const idempotency = await createIdempotency(storage, { clock });
    return { serves: [serve(UserServiceContract, createUserRpc({ storage, idempotency, outbox, clock }))] };
  },
});
