import type { SagaServiceHandlers } from '#gen/ops/v1/ops.contract.ts';
import type { ViewOf } from './mesh-view.ts';

/** Implements `ops.v1.SagaService`. Each change is made by a process that has the saga. */
export function createSagaRpc(viewOf: ViewOf): SagaServiceHandlers {
  return {
    async *listSagas(request, call) {
      const list = viewOf(call).list(request, (part, afterId) => part.listSagas({ ...request, afterId }, call));
      for await (const { element } of list) yield element;
    },

    getSaga: async (request, call) => (await viewOf(call).find((part) => part.getSaga(request, call))).answer,

    retrySaga: (request, call) =>
      call.once.withoutTransaction(async () => {
        const { part } = await viewOf(call).find((each) => each.getSaga(byId(request), call));
        return await part.retrySaga(request, call);
      }),

    resolveSaga: (request, call) =>
      call.once.withoutTransaction(async () => {
        const { part } = await viewOf(call).find((each) => each.getSaga(byId(request), call));
        return await part.resolveSaga(request, call);
      }),
  };
}

function byId({ id }: { readonly id: string }) {
  return { name: { $case: 'id', value: id } } as const;
}
