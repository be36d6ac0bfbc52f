import {
  type GetSagaRequest,
  ResolveOutcome,
  SagaServiceDefinition,
  type SagaServiceImplementation,
} from '#gen/ops/v1/ops.ts';
import { type Idempotency, type MeshCallContext, repeatable, type SagaAdmin, type SagaView, unknownSaga } from '#mesh';
import { answerOnce } from '../answer-once.ts';
import { noSagaOfOrder } from '../errors.ts';
import { sagaStateFromProto, sagaToProto } from '../proto.ts';
import { firstOf } from '../take.ts';

const retrying = repeatable(SagaServiceDefinition, SagaServiceDefinition.methods.retrySaga);
const resolving = repeatable(SagaServiceDefinition, SagaServiceDefinition.methods.resolveSaga);

/** What the handlers stand on. */
export interface SagaRpcDeps {
  readonly sagas: SagaAdmin;
  readonly idempotency: Idempotency;
}

/** The handlers of `ops.v1.SagaService`. */
export function createSagaRpc({ sagas, idempotency }: SagaRpcDeps): SagaServiceImplementation<MeshCallContext> {
  return {
    async *listSagas({ state: wanted, failing, afterId, limit }, { signal }) {
      const state = sagaStateFromProto(wanted);
      const list = sagas.list({ ...(state && { state }), failing }, afterId);
      for await (const saga of firstOf(list, limit, signal)) yield sagaToProto(saga);
    },

    getSaga: async ({ name }) => sagaToProto(await findSaga(sagas, name)),

    retrySaga: (request) =>
      answerOnce(idempotency, retrying, request, async () => sagaToProto(await sagas.retry(request.id, request.note))),

    resolveSaga: (request) =>
      answerOnce(idempotency, resolving, request, async () => {
        const outcome = request.outcome === ResolveOutcome.RESOLVE_OUTCOME_UNDONE ? 'undone' : 'skipped';
        return sagaToProto(await sagas.resolve(request.id, request.step, outcome, request.note));
      }),
  };
}

async function findSaga(sagas: SagaAdmin, name: GetSagaRequest['name']): Promise<SagaView> {
  const value = name?.value ?? '';
  const byOrder = name?.$case === 'orderId';
  const saga = await sagas.get(byOrder ? { subjectId: value } : { id: value });
  if (!saga) throw byOrder ? noSagaOfOrder({ orderId: value }) : unknownSaga({ id: value });
  return saga;
}
