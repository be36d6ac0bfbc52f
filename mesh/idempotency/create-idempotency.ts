import { hash } from 'node:crypto';
import { isUuid } from '../contract/formats.ts';
import type { Caller } from '../identity/caller.ts';
import { isDoor } from '../identity/doors.ts';
import { type AgingClock, openAgingClock } from '../storage/aging/aging-clock.ts';
import type { Queryable, Storage, Transaction, TransactionOptions } from '../storage/storage.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../time/clock.ts';
import { requestIdReused } from './errors.ts';
import {
  claimRequest,
  findHandled,
  type HandledRequest,
  idempotencyMigrations,
  isHandledAsFormer,
  purgeBefore,
  type RequestKey,
  storeResponse,
} from './handled-requests.ts';
import type { Codec, Idempotency, IdempotentMethod, Once } from './idempotency.ts';

export interface IdempotencyOptions {
  readonly clock: Clock;
  /** How long responses are kept, counted while a process runs. Minimum: 24 hours. Default: 7 days. */
  readonly retentionMs?: number;
}

const hourMs = 3_600_000;
const purgeIntervalMs = 60_000;
// More than one, so purging is always ahead of storing.
const maxPurgedPerCall = 200;

/** Stores responses in the service's own database, to which it applies its migrations. */
export async function createIdempotency(storage: Storage, options: IdempotencyOptions): Promise<Idempotency> {
  await storage.migrate('idempotency', idempotencyMigrations);
  const aging = await openAgingClock(storage, options.clock);
  const purge = createPurge(aging, options.retentionMs);

  function byRequestId<Response>(key: RequestKey, codec: Codec<Response>, onRepeated: () => void): Once<Response> {
    function repeated(handled: HandledRequest): Response {
      const response = storedResponse(codec, key, handled);
      onRepeated();
      return response;
    }

    async function replay(): Promise<Response | undefined> {
      const handled = await findHandled(storage, key);
      if (handled === undefined) await assertNotHandledForNobody(storage, key);
      return handled && repeated(handled);
    }

    function once(work: (tx: Transaction) => Promise<Response>, transaction?: TransactionOptions): Promise<Response> {
      return storage.transaction(async (tx) => {
        await purge(tx);
        await assertNotHandledForNobody(tx, key);
        while ((await isHandledAsFormer(tx, key)) || !(await claimRequest(tx, key, aging.nowMs()))) {
          const handled = await findHandled(tx, key);
          // It is gone if its retention ended between the two statements: then the id is free.
          if (handled !== undefined) return repeated(handled);
        }
        const response = await work(tx);
        await storeResponse(tx, key, codec.encode(response).finish());
        return response;
      }, transaction);
    }

    async function withoutTransaction(effect: () => Promise<Response>): Promise<Response> {
      const before = await replay();
      if (before) return before;
      const response = await effect();
      return await once(async () => response);
    }

    return Object.assign(once, { replay, withoutTransaction });
  }

  return {
    onceFor: (method, request, onRepeated = () => undefined) =>
      request.requestId === ''
        ? everyTime(storage)
        : byRequestId(keyOf(method, request), method.responseType, onRepeated),
  };
}

/** For calls without a `request_id`: each takes effect, and nothing is stored. */
function everyTime<Response>(storage: Storage): Once<Response> {
  const once = (work: (tx: Transaction) => Promise<Response>, options?: TransactionOptions) =>
    storage.transaction(work, options);
  return Object.assign(once, {
    replay: async () => undefined,
    withoutTransaction: (effect: () => Promise<Response>) => effect(),
  });
}

/** Purges in small portions, in the transactions that store: it needs no background work and cannot fail by itself. */
function createPurge(aging: AgingClock, retentionMs = 7 * 24 * hourMs): (tx: Transaction) => Promise<void> {
  if (retentionMs < 24 * hourMs) {
    throw new RangeError(`retentionMs is ${retentionMs}: keep responses for at least 24 hours`);
  }
  let nextMs = 0;
  return async (tx) => {
    const nowMs = aging.nowMs();
    if (nowMs < nextMs) return;
    const purged = await purgeBefore(tx, nowMs - retentionMs, maxPurgedPerCall);
    if (purged < maxPurgedPerCall) nextMs = nowMs + purgeIntervalMs;
  };
}

function keyOf<Request extends { requestId: string }>(
  method: IdempotentMethod<Request, unknown>,
  request: Request,
): RequestKey {
  const subject = ownerOfIds(currentScope()?.caller);
  const keyAs = (one: Request) => ({
    method: method.path,
    subject,
    requestId: one.requestId,
    fingerprint: hash('sha256', method.requestType.encode(one).finish(), 'buffer'),
  });
  const normalized = normalize(request, method.fieldMasks ?? []);
  return normalized === request ? keyAs(request) : { ...keyAs(normalized), former: keyAs(request) };
}

/**
 * The user who chose the id of a request; `undefined` if a service did, on whoever's behalf. Services derive ids that
 * nobody else uses, and repeat a step with the same id when calls have become authenticated meanwhile, or no longer
 * are: it must stay the same request.
 */
function ownerOfIds(caller: Caller | undefined): string | undefined {
  const isService = caller?.service !== undefined && !isDoor(caller.service);
  return isService ? undefined : caller?.subject;
}

/**
 * Throws ALREADY_EXISTS `REQUEST_ID_REUSED` if a user sends the very request that was stored without a user: before
 * calls were authenticated, or by a service. Its effect is there, and nobody knows whose it was.
 */
async function assertNotHandledForNobody(from: Queryable, key: RequestKey): Promise<void> {
  if (key.subject === undefined) return;
  const nobody = { ...key, subject: undefined, ...(key.former && { former: { ...key.former, subject: undefined } }) };
  const handled = await findHandled(from, nobody);
  if (handled !== undefined && isSameRequest(nobody, handled)) throw requestIdReused(key);
}

/** Returns the request with a UUID in lower case and the paths of its masks sorted; the request itself if nothing changes. */
function normalize<Request extends { requestId: string }>(request: Request, masks: readonly string[]): Request {
  const changes: Record<string, unknown> = {};
  const id = request.requestId;
  if (isUuid(id) && id !== id.toLowerCase()) changes.requestId = id.toLowerCase();
  for (const name of masks) {
    const paths: unknown = Reflect.get(request, name);
    if (!Array.isArray(paths)) continue;
    const sorted = [...new Set(paths)].toSorted();
    if (sorted.join() !== paths.join()) changes[name] = sorted;
  }
  return Object.keys(changes).length === 0 ? request : { ...request, ...changes };
}

function storedResponse<Response>(codec: Codec<Response>, key: RequestKey, handled: HandledRequest): Response {
  if (!isSameRequest(key, handled)) throw requestIdReused(key);
  return codec.decode(handled.response);
}

function isSameRequest(key: RequestKey, handled: HandledRequest): boolean {
  const isSame = ({ fingerprint }: RequestKey) => Buffer.compare(handled.fingerprint, fingerprint) === 0;
  return isSame(key) || (key.former !== undefined && isSame(key.former));
}
