import { mergeById, type SagaAdmin, unknownSaga } from '#mesh';

/** Combines the sagas of several services into one list in id order. Each change is made by the service that runs the saga. */
export function combineSagas(admins: readonly SagaAdmin[]): SagaAdmin {
  const ownerOf = async (id: string): Promise<SagaAdmin> => {
    for (const admin of admins) if (await admin.get({ id })) return admin;
    throw unknownSaga({ id });
  };
  return {
    list: (filter, afterId) => mergeById(admins.map((admin) => admin.list(filter, afterId))),
    async get(name) {
      for (const admin of admins) {
        const saga = await admin.get(name);
        if (saga) return saga;
      }
      return undefined;
    },
    retry: async (id, note) => (await ownerOf(id)).retry(id, note),
    resolve: async (id, step, outcome, note) => (await ownerOf(id)).resolve(id, step, outcome, note),
  };
}
