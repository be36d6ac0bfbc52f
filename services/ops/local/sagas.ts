import { type GetSagaRequest, ResolveOutcome } from '#gen/ops/v1/ops.ts';
import { mergeById, type SagaAdmin, type SagaView, take, unknownSaga } from '#mesh';
import { noSagaOfOrder } from '../errors.ts';
import type { OpsPart } from '../ops-part.ts';
import { sagaStateFromProto, sagaToProto } from './saga-proto.ts';

/** Shows and changes the sagas of this process. */
export function localSagas(sagas: SagaAdmin): Pick<OpsPart, 'listSagas' | 'getSaga' | 'retrySaga' | 'resolveSaga'> {
  return {
    async *listSagas({ state: wanted, failing, afterId, limit }, { signal }) {
      const state = sagaStateFromProto(wanted);
      const list = sagas.list({ ...(state && { state }), failing }, afterId);
      for await (const saga of take(list, limit, signal)) yield sagaToProto(saga);
    },

    getSaga: async ({ name }) => sagaToProto(await findSaga(sagas, name)),

    retrySaga: async ({ id, note }) => sagaToProto(await sagas.retry(id, note)),

    async resolveSaga({ id, step, outcome, note }) {
      const resolution = outcome === ResolveOutcome.RESOLVE_OUTCOME_UNDONE ? 'undone' : 'skipped';
      return sagaToProto(await sagas.resolve(id, step, resolution, note));
    },
  };
}

async function findSaga(sagas: SagaAdmin, name: GetSagaRequest['name']): Promise<SagaView> {
  const { $case = 'id', value = '' } = name ?? {};
  const byOrder = $case === 'orderId';
  const saga = await sagas.get(byOrder ? { subjectId: value } : { id: value });
  if (!saga) throw byOrder ? noSagaOfOrder({ orderId: value }) : unknownSaga({ id: value });
  return saga;
}

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
    countUnfinished: async () => (await Promise.all(admins.map((admin) => admin.countUnfinished()))).flat(),
    retry: async (id, note) => (await ownerOf(id)).retry(id, note),
    resolve: async (id, step, outcome, note) => (await ownerOf(id)).resolve(id, step, outcome, note),
  };
}
