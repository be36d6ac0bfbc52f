import { UserServiceContract, type UserServiceHandlers } from '#gen/user/v1/user.contract.ts';
import { type ImportUsersRequest, User as UserMessage } from '#gen/user/v1/user.ts';
import { readPages, type Storage } from '#mesh';
import { createUser, type UserDeps } from './create-user.ts';
import { type ImportRow, importUsers } from './import-users.ts';
import { toProto } from './proto.ts';
import { batchGetUsers, findUsersAfter, getUser } from './store.ts';
import { deleteUser, updateUser } from './update-user.ts';
import type { UserDraft } from './user.ts';

/** Implements `user.v1.UserService`. */
export function createUserRpc(deps: UserDeps & { readonly storage: Storage }): UserServiceHandlers {
  const { storage } = deps;
  return {
    createUser: ({ user }, { once, caller }) =>
      once(async (tx) => toProto(await createUser(tx, toDraft(user), { ...deps, caller }))),

    getUser: async ({ id }) => toProto(await getUser(storage, id)),

    async batchGetUsers({ ids }) {
      const { users, missingIds } = await batchGetUsers(storage, ids);
      return { users: users.map(toProto), missingIds };
    },

    listUsers: ({ afterId, limit, role }, { signal }) =>
      readPages({
        after: afterId,
        limit,
        signal,
        fetch: (after, size) => findUsersAfter(storage, after, role, size),
        cursorOf: (user) => user.id,
        map: toProto,
      }),

    updateUser: ({ user, updateMask }, { once, caller }) =>
      once(async (tx) => {
        const { id, etag, name, email, role } = user;
        const update = { id, etag, values: { name, email, role }, paths: updateMask ?? [] };
        return toProto(await updateUser(tx, update, { ...deps, caller }));
      }),

    deleteUser: (request, { once, caller }) =>
      once(async (tx) => {
        await deleteUser(tx, request, { ...deps, caller });
        return {};
      }),

    async importUsers(requests, { caller }) {
      const { imported, failures } = await importUsers(readRows(requests), { ...deps, caller });
      return { imported, failures: [...failures] };
    },
  };
}

async function* readRows(requests: AsyncIterable<ImportUsersRequest>): AsyncGenerator<ImportRow> {
  for await (const request of requests) {
    const violations = UserServiceContract.methods.importUsers.validate(request);
    yield { draft: toDraft(request.user ?? UserMessage.create()), violations };
  }
}

function toDraft({ id, name, email, role }: UserMessage): UserDraft {
  return { id, name, email, role };
}
