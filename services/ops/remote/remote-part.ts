import { Metadata } from 'nice-grpc-common';
import { ActionServiceContract } from '#gen/ops/v1/action.contract.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { ConsumerServiceContract } from '#gen/ops/v1/consumer.contract.ts';
import { HealthServiceContract } from '#gen/ops/v1/health.contract.ts';
import { DeadLetterServiceContract, SagaServiceContract } from '#gen/ops/v1/ops.contract.ts';
import { OwnerServiceContract } from '#gen/ops/v1/owner.contract.ts';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { type Clock, MeshError, type Runtime, type ServiceEndpoint, Status, sleep, within } from '#mesh';
import { noAuditYet } from '../errors.ts';
import type { DeadLetterChange, OpsPart, PartCall, RemoteProcess } from '../ops-part.ts';
import { processScope, scopeKey } from '../process-scope.ts';

/** How long another process may take to answer. `GetStatus` answers within 2 s even if one does not. */
export const answerMs = 1_500;

/** How long a stream may be silent before its process is asked whether it still answers. */
const silenceMs = 2_000;

export interface RemotePartDeps extends Pick<Runtime, 'clientAt'> {
  readonly clock: Clock;
}

/** Creates the part of the process at an endpoint. Each read of it ends within 1.5 s. */
export function createRemotePart(
  remote: RemoteProcess,
  endpoint: ServiceEndpoint,
  { clientAt, clock }: RemotePartDeps,
): OpsPart {
  const sagas = clientAt(SagaServiceContract, endpoint);
  const deadLetters = clientAt(DeadLetterServiceContract, endpoint);
  const projections = clientAt(ProjectionServiceContract, endpoint);
  const consumers = clientAt(ConsumerServiceContract, endpoint);
  const audits = clientAt(AuditServiceContract, endpoint);
  const owners = clientAt(OwnerServiceContract, endpoint);
  const actions = clientAt(ActionServiceContract, endpoint);
  const health = clientAt(HealthServiceContract, endpoint);
  const status = clientAt(StatusServiceContract, endpoint);

  const limits = ({ signal }: PartCall) => ({ ...scoped(signal), deadline: clock.now() + answerMs });
  const isAlive = async (call: PartCall) => void (await health.listHealth({}, limits(call)));
  /** Reads a list whose elements come without a wait. */
  const list = <T>(call: PartCall, open: (options: ReturnType<typeof scoped>) => AsyncIterable<T>) =>
    readStream(call.signal, open, (next) => within(next, answerMs, clock));
  /** Reads a stream that may be silent while its process works. */
  const follow = <T>(call: PartCall, open: (options: ReturnType<typeof scoped>) => AsyncIterable<T>) =>
    readStream(call.signal, open, async (next) => {
      for (;;) {
        const done = new AbortController();
        const found = await Promise.race([next, sleep(clock, silenceMs, done.signal)]).finally(() => done.abort());
        if (found) return found;
        await isAlive(call);
      }
    });

  return {
    remote,
    async servesOps(call) {
      try {
        await isAlive(call);
        return true;
      } catch (error) {
        if (error instanceof MeshError && error.code === Status.UNIMPLEMENTED) return false;
        throw error;
      }
    },
    getStatus: (call) => status.getStatus({}, limits(call)),
    listSagas: (request, call) => list(call, (options) => sagas.listSagas(request, options)),
    getSaga: (request, call) => sagas.getSaga(request, limits(call)),
    retrySaga: ({ id, note }, call) => sagas.retrySaga({ id, note }, scoped(call.signal)),
    resolveSaga: ({ requestId: _, ...request }, call) => sagas.resolveSaga(request, scoped(call.signal)),
    listDeadLetters: (request, call) => list(call, (options) => deadLetters.listDeadLetters(request, options)),
    getDeadLetter: (request, call) => deadLetters.getDeadLetter(request, limits(call)),
    async redrive(id, { signal }) {
      const { redrivenIds, failures } = await deadLetters.redriveDeadLetters({ ids: [id] }, scoped(signal));
      return changeOf(redrivenIds, failures);
    },
    async discard(id, note, { signal }) {
      const { discardedIds, failures } = await deadLetters.discardDeadLetters({ ids: [id], note }, scoped(signal));
      return changeOf(discardedIds, failures);
    },
    listProjections: (call) => Array.fromAsync(list(call, (options) => projections.listProjections({}, options))),
    rebuildProjection: (request, call) => follow(call, (options) => projections.rebuildProjection(request, options)),
    listConsumers: async (call) => (await consumers.listConsumers({}, limits(call))).groups,
    replayConsumer: (request, call) => follow(call, (options) => consumers.replayConsumer(request, options)),
    listChecks: async (call) => (await audits.listChecks({}, limits(call))).checks,
    runAudit: (checks, call) => follow(call, (options) => audits.runAudit({ checks: [...checks] }, options)),
    listOwners: async (call) => (await owners.listOwners({}, limits(call))).owners,
    filterOwnIds: async (owner, ids, call) => (await owners.filterOwnIds({ owner, ids: [...ids] }, limits(call))).ids,
    listActions: (request, call) => list(call, (options) => actions.listOperatorActions(request, options)),
    async getLastAudit(call) {
      try {
        return await audits.getLastAudit({}, limits(call));
      } catch (error) {
        if (noAuditYet.is(error)) return undefined;
        throw error;
      }
    },
  };
}

function scoped(signal: AbortSignal) {
  return { signal, metadata: Metadata({ [scopeKey]: processScope }) };
}

/** Yields the elements of a stream, each as `wait` returns it. The call ends with the reader, or when `wait` rejects. */
async function* readStream<T>(
  signal: AbortSignal,
  open: (options: ReturnType<typeof scoped>) => AsyncIterable<T>,
  wait: (next: Promise<IteratorResult<T>>) => Promise<IteratorResult<T>>,
): AsyncGenerator<T, void, undefined> {
  const end = new AbortController();
  const stream = open(scoped(AbortSignal.any([signal, end.signal])))[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await wait(stream.next());
      if (next.done) return;
      yield next.value;
    }
  } finally {
    end.abort();
  }
}

function changeOf(
  changedIds: readonly string[],
  failures: readonly Exclude<DeadLetterChange, string>[],
): DeadLetterChange {
  const [failure] = failures;
  if (failure) return { reason: failure.reason, message: failure.message };
  return changedIds.length > 0 ? 'changed' : 'missing';
}
