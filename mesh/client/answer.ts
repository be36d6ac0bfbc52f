import type { CompatServiceDefinition } from 'nice-grpc';
import { isOutage, isRefusal } from '../errors/codes.ts';
import { anonymous, type Caller } from '../identity/caller.ts';
import { currentScope } from '../telemetry/call-scope.ts';
import type { Clock } from '../time/clock.ts';
import { CallError } from './call-error.ts';
import type { ClientMethod } from './client-method.ts';

/**
 * What a method with a fallback answers. It is not the response itself, so it cannot be used where a decision needs the current
 * value: whoever shows it, shows how old it is.
 */
export type Answer<Response> =
  | {
      readonly value: Response;
      /** Whether the service is unhealthy and `value` is what it answered earlier. */
      readonly fromCache: boolean;
      /** `value` was true at this time or later. */
      readonly asOf: Date;
    }
  /**
   * The service is unhealthy, and no earlier answer to this request is kept. `fromCache` is true as for every answer that does
   * not come from the service now, so `fromCache: false` always has a value. Check `value` before you show it as an old one.
   */
  | { readonly value: undefined; readonly fromCache: true; readonly asOf: undefined };

/** The unary methods that have no side effects: others have no fallback. */
export type ReadOnlyMethod<Definition extends CompatServiceDefinition> = {
  [Method in keyof Definition['methods']]: Definition['methods'][Method] extends ReadOnlyUnary ? Method : never;
}[keyof Definition['methods']];

interface ReadOnlyUnary {
  readonly requestStream: false;
  readonly responseStream: false;
  readonly options: { readonly idempotencyLevel: 'NO_SIDE_EFFECTS' };
}

/**
 * How a method answers while its service is unhealthy: with what the service answered the same request last. The kept answers
 * are those of one user with the same roles: what one may see, another may not.
 */
export interface FallbackSettings {
  /** How long an answer is kept, in milliseconds. Default: 60 s. */
  readonly keepMs?: number;
}

type UnaryCall<Options> = (request: object, options?: Options) => Promise<unknown>;

/**
 * Returns `call`, answering from the cache after an error that is UNAVAILABLE (also `CIRCUIT_OPEN`), DEADLINE_EXCEEDED or
 * RESOURCE_EXHAUSTED. Other errors, such as NOT_FOUND, are answers of the service and reject. So does any error if the call
 * being served has ended or has no time left: give the call an earlier deadline than that.
 */
export function answering<Options>(
  { engineMethod, complete }: ClientMethod,
  call: UnaryCall<Options>,
  { keepMs = 60_000 }: FallbackSettings,
  clock: Clock,
): (request: object, options?: Options) => Promise<Answer<unknown>> {
  const kept = createKeptAnswers(keepMs, clock);
  return async (fields, options) => {
    const message = complete(fields);
    const request = Buffer.from(engineMethod.encodeRequest(message)).toString('latin1');
    const key = `${userOf(currentScope()?.caller)}${request}`;
    const startMs = clock.now();
    try {
      const value = await call(message, options);
      kept.set(key, { bytes: engineMethod.encodeResponse(value), asOfMs: startMs });
      return { value, fromCache: false, asOf: new Date(startMs) };
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (isRefusal(error)) kept.delete(key);
      if (!isOutage(error) || hasEnded(clock)) throw error;
      const answer = kept.get(key);
      if (!answer) return { value: undefined, fromCache: true, asOf: undefined };
      return { value: engineMethod.decodeResponse(answer.bytes), fromCache: true, asOf: new Date(answer.asOfMs) };
    }
  };
}

/**
 * The user and the roles of a caller; empty without a user. No request begins so: `[` would begin a group,
 * which proto3 has not.
 */
function userOf({ subject, roles }: Caller = anonymous): string {
  return subject === undefined ? '' : JSON.stringify([subject, roles]);
}

/** Whether nobody waits for the call that is being served. */
function hasEnded(clock: Clock): boolean {
  const { signal, deadlineMs = Number.POSITIVE_INFINITY } = currentScope() ?? {};
  return signal?.aborted === true || deadlineMs <= clock.now();
}

/** Encoded, which is smaller, and which no user of an earlier answer can change. */
interface KeptAnswer {
  readonly bytes: Uint8Array;
  readonly asOfMs: number;
}

const maxKeptBytes = 16 * 1024 * 1024;
/** An entry's approximate size in memory, without its key and its bytes. */
const entryBytes = 256;

/** Keeps up to 16 MiB of answers: those used last. */
function createKeptAnswers(keepMs: number, clock: Clock) {
  const entries = new Map<string, KeptAnswer & { readonly endsMs: number; readonly size: number }>();
  let size = 0;
  const remove = (key: string) => {
    size -= entries.get(key)?.size ?? 0;
    entries.delete(key);
  };
  return {
    get(key: string): KeptAnswer | undefined {
      const entry = entries.get(key);
      if (!entry || entry.endsMs <= clock.elapsedMs()) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry;
    },
    set(key: string, answer: KeptAnswer): void {
      remove(key);
      const entry = {
        ...answer,
        endsMs: clock.elapsedMs() + keepMs,
        size: key.length + answer.bytes.length + entryBytes,
      };
      entries.set(key, entry);
      size += entry.size;
      for (const oldest of entries.keys()) {
        if (size <= maxKeptBytes) break;
        remove(oldest);
      }
    },
    delete: remove,
  };
}
