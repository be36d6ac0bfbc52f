import { hash } from 'node:crypto';
import { type AgingClock, openAgingClock } from '../storage/aging/aging-clock.ts';
import { loadMigrations } from '../storage/migrations.ts';
import type { Storage, Transaction } from '../storage/storage.ts';
import type { Clock } from '../time/clock.ts';
import { requestIdReused } from './errors.ts';
import {
  claim,
  findHandled,
  forgetBefore,
  type HandledRequest,
  keepResponse,
  type RequestKey,
} from './handled-requests.ts';
import type { Codec, Idempotency, RepeatableMethod } from './idempotency.ts';

/** What idempotency depends on. */
export interface IdempotencyOptions {
  readonly clock: Clock;
  /** How long answers are kept, counted while a process runs: at least 24 hours. Default: 7 days. */
  readonly retentionMs?: number;
}

const hourMs = 3_600_000;
const purgeIntervalMs = 60_000;
// More than one, so that forgetting is always ahead of keeping.
const maxForgottenPerCall = 200;

/** Idempotency in the service's own storage, to which it applies its migrations. */
export async function createIdempotency(storage: Storage, options: IdempotencyOptions): Promise<Idempotency> {
  await storage.migrate('idempotency', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const aging = await openAgingClock(storage, options.clock);
  const purge = createPurge(aging, options.retentionMs);
  return {
    once(method, request, work, transaction) {
      if (request.requestId === '') return storage.transaction(work, transaction);
      const key = keyOf(method, request);
      return storage.transaction(async (tx) => {
        await purge(tx);
        while (!(await claim(tx, key, aging.nowMs()))) {
          const handled = await findHandled(tx, key);
          // It is gone when its retention ended between the two statements: then the id is free.
          if (handled !== undefined) return answerOf(method.responseType, key, handled);
        }
        const response = await work(tx);
        await keepResponse(tx, key, method.responseType.encode(response).finish());
        return response;
      }, transaction);
    },
    async replay(method, request) {
      if (request.requestId === '') return undefined;
      const key = keyOf(method, request);
      const handled = await findHandled(storage, key);
      return handled && answerOf(method.responseType, key, handled);
    },
  };
}

/** Forgets in small portions, in the transactions that add: it needs no process of its own and cannot fail by itself. */
function createPurge(aging: AgingClock, retentionMs = 7 * 24 * hourMs): (tx: Transaction) => Promise<void> {
  if (retentionMs < 24 * hourMs)
    throw new RangeError(`retentionMs is ${retentionMs}; answers are kept for at least 24 hours`);
  let nextMs = 0;
  return async (tx) => {
    const nowMs = aging.nowMs();
    if (nowMs < nextMs) return;
    const forgotten = await forgetBefore(tx, nowMs - retentionMs, maxForgottenPerCall);
    if (forgotten < maxForgottenPerCall) nextMs = nowMs + purgeIntervalMs;
  };
}

function keyOf<Request extends { requestId: string }>(
  method: RepeatableMethod<Request, unknown>,
  request: Request,
): RequestKey {
  const fingerprint = hash('sha256', method.requestType.encode(request).finish(), 'buffer');
  return { method: method.path, requestId: request.requestId, fingerprint };
}

function answerOf<Response>(codec: Codec<Response>, key: RequestKey, handled: HandledRequest): Response {
  if (Buffer.compare(handled.fingerprint, key.fingerprint) !== 0) throw requestIdReused(key);
  return codec.decode(handled.response);
}
