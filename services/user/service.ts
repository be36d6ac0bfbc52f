import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, serve } from '#mesh';
import { userTopic } from './events.ts';
import { createUserRpc } from './rpc.ts';

export const userService = defineService({
  name: 'user',
  migrations: new URL('./migrations/', import.meta.url),
  topics: [userTopic],
  setup: ({ storage, outbox, clock }) => ({
    serves: [serve(UserServiceContract, createUserRpc({ storage, outbox, clock }))],
  }),
});
