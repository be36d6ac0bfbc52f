import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import {
  type ImportUsersRequest,
  type User as UserMessage,
  UserServiceDefinition,
  type UserServiceImplementation,
} from '#gen/user/v1/user.ts';
import { type Idempotency, type MeshCallContext, repeatable, type Storage } from '#mesh';
import { type ChangingUsers, createUser } from './create-user.ts';
import { deleteUser } from './delete-user.ts';
import { type ImportRow, importUsers } from './import-users.ts';
import { toProto } from './proto.ts';
import { batchGetUsers, getUser, listUsers } from './read-users.ts';
import { updateUser } from './update-user.ts';
import type { UserDraft } from './user.ts';

const { methods } = UserServiceDefinition;
const creation = repeatable(UserServiceDefinition, methods.createUser);
const update = repeatable(UserServiceDefinition, methods.updateUser);
const deletion = repeatable(UserServiceDefinition, methods.deleteUser);

/** What the handlers stand on. */
export interface UserRpcDeps extends ChangingUsers {
  readonly storage: Storage;
  readonly idempotency: Idempotency;
}

/** The handlers of `user.v1.UserService`. */
export function createUserRpc(deps: UserRpcDeps): UserServiceImplementation<MeshCallContext> {
  const { storage, idempotency } = deps;
  return {
    createUser: (request) =>
      idempotency.once(creation, request, async (tx) => toProto(await createUser(tx, toDraft(request.user), deps))),

    getUser: async ({ id }) => toProto(await getUser(storage, id)),

    async batchGetUsers({ ids }) {
      const { users, missingIds } = await batchGetUsers(storage, ids);
      return { users: users.map(toProto), missingIds };
    },

    async *listUsers(request, { signal }) {
      for await (const page of listUsers(storage, request, signal)) {
        for (const user of page) yield toProto(user);
      }
    },

    updateUser: (request) =>
      idempotency.once(update, request, async (tx) => {
        const { id, name, email, role } = toDraft(request.user);
        const etag = request.user?.etag ?? '';
        const values = { name, email, role };
        return toProto(await updateUser(tx, { id, etag, values, paths: request.updateMask ?? [] }, deps));
      }),

    deleteUser: (request) =>
      idempotency.once(deletion, request, async (tx) => {
        await deleteUser(tx, request, deps);
        return {};
      }),

    async importUsers(requests) {
      const { imported, failures } = await importUsers(readRows(requests), storage, deps);
      return { imported, failures: [...failures] };
    },
  };
}

async function* readRows(requests: AsyncIterable<ImportUsersRequest>): AsyncGenerator<ImportRow> {
  for await (const request of requests) {
    const violations = UserServiceContract.methods.importUsers.validate(request);
    yield { draft: toDraft(request.user), violations };
  }
}

function toDraft(user: UserMessage | undefined): UserDraft {
  return { id: user?.id ?? '', name: user?.name ?? '', email: user?.email ?? '', role: user?.role ?? '' };
}
