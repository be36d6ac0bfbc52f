// @ordermesh/grpc as its users run it: the program of nice-grpc-users.ts with another import.
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { createServer, ServerError, Status } from '../../packages/grpc/src/index.ts';
import { all, byId, reportReady } from './users-in-memory.ts';

const { getUser, listUsers } = UserServiceDefinition.methods;
const server = createServer();
server.add(
  { ...UserServiceDefinition, methods: { getUser, listUsers } },
  {
    async getUser({ id }) {
      const user = byId.get(id);
      if (!user) throw new ServerError(Status.NOT_FOUND, `user ${id} not found`);
      return user;
    },
    async *listUsers() {
      for (const user of all) yield user;
    },
  },
);
reportReady(await server.listen('127.0.0.1:0'));
