import { ServerError, Status } from 'nice-grpc-common';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { all, byId } from './users-in-memory.ts';

// Idiomatic handlers for nice-grpc, with all users in memory: those of nice-grpc-users.ts and package-users.ts.

const { getUser, listUsers } = UserServiceDefinition.methods;

export const definition = { ...UserServiceDefinition, methods: { getUser, listUsers } };

export const handlers = {
  async getUser({ id }: { readonly id: string }) {
    const user = byId.get(id);
    if (!user) throw new ServerError(Status.NOT_FOUND, `user ${id} not found`);
    return user;
  },
  async *listUsers() {
    for (const user of all) yield user;
  },
};
