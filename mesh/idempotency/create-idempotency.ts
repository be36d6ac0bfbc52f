import { hash } from 'node:crypto';
import { isUuid } from '../contract/formats.ts';
import type { Caller } from '../identity/caller.ts';
import { isDoor } from '../identity/doors.ts';
import { type AgingClock, openAgingClock } from '../storage/aging/aging-clock.ts';
import type { Storage, Transaction, TransactionOptions } from '../storage/storage.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../time/clock.ts';
import { requestIdReused } from './errors.ts';
import {
  claimRequest,
  findStored,
  type HandledRequest,
  hasFormerId,
  idempotencyMigrations,
  purgeBefore,
  type RequestKey,
  type StoredUnderId,
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

  async function claim(tx: Transaction, key: RequestKey): Promise<boolean> {
    const { isNew, ofNobody } = await claimRequest(tx, key, aging.nowMs());
    if (isNew) handledOf(key, { own: undefined, ofNobody });
    return isNew;
  }

  function byRequestId<Response>(key: RequestKey, codec: Codec<Response>, onRepeated: () => void): Once<Response> {
    function repeated(handled: HandledRequest): Response {
      const response = codec.decode(handled.response);
      onRepeated();
      return response;
    }

    async function replay(): Promise<Response | undefined> {
      const handled = handledOf(key, await findStored(storage, key));
      return handled && repeated(handled);
    }

    function once(work: (tx: Transaction) => Promise<Response>, transaction?: TransactionOptions): Promise<Response> {
      return storage.transaction(async (tx) => {
        await purge(tx);
        let handled = hasFormerId(key) ? handledOf(key, await findStored(tx, key)) : undefined;
        // Not found although it was there: its retention ended between the two statements, so the id is free.
        while (handled === undefined && !(await claim(tx, key))) handled = handledOf(key, await findStored(tx, key));
        if (handled !== undefined) return repeated(handled);
        const response = await work(tx);
        storeResponse(tx, key, codec.encode(response).finish());
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
  const idOf = (one: Request) => ({
    requestId: one.requestId,
    fingerprint: hash('sha256', method.requestType.encode(one).finish(), 'buffer'),
  });
  const normalized = normalize(request, method.fieldMasks ?? []);
  const key = { method: method.path, subject, ...idOf(normalized) };
  return normalized === request ? key : { ...key, former: idOf(request) };
}

/**
 * The user who chose the id of a request; `undefined` if a service did, on whoever's behalf: then it calls without a token
 * of the user. Services derive ids that nobody else uses, and repeat a step with the same id when calls have become
 * authenticated meanwhile, or no longer are: it must stay the same request. A service that passes a token on does not
 * choose: the user of the token does.
 */
function ownerOfIds(caller: Caller | undefined): string | undefined {
  const isService = caller?.service !== undefined && !isDoor(caller.service);
  return isService && caller.expiresMs === undefined ? undefined : caller?.subject;
}

/**
 * Returns the earlier call of a request; `undefined`: there is none. Throws ALREADY_EXISTS `REQUEST_ID_REUSED` if the id
 * belongs to another request; and if a user sends the very request that was stored without a user, before calls were
 * authenticated or by a service: its effect is there, and nobody knows whose it was.
 */
function handledOf(key: RequestKey, { own, ofNobody }: StoredUnderId): HandledRequest | undefined {
  const isReused = own === undefined ? ofNobody && isSameRequest(key, ofNobody) : !isSameRequest(key, own);
  if (isReused) throw requestIdReused(key);
  return own;
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

function isSameRequest(key: RequestKey, handled: Pick<HandledRequest, 'fingerprint'>): boolean {
  const isSame = ({ fingerprint }: Pick<RequestKey, 'fingerprint'>) =>
    Buffer.compare(handled.fingerprint, fingerprint) === 0;
  return isSame(key) || (key.former !== undefined && isSame(key.former));
}
