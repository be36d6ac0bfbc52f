import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, Counts, Seen } from './callers.ts';

/** The calls while the processes of one service were replaced. */
export interface Phase {
  readonly service: string;
  readonly seconds: number;
  /** By the name of the caller. */
  readonly calls: ReadonlyMap<string, Counts>;
}

/** What callers saw while services were replaced. */
export interface SeenByPhase {
  readonly phases: readonly Phase[];
  /** The texts of failed calls, by caller. */
  readonly errors: ReadonlyMap<string, readonly string[]>;
}

export interface RestartOptions {
  /** The services to restart, in this order. */
  readonly services: readonly string[];
  /** How long callers run before the first restart and after each one. */
  readonly quietMs: number;
  readonly say: (line: string) => void;
  /** Ends the restarts and the callers. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Restarts services one after another while callers call, and ends the callers, also if a restart fails. Throws what
 * `signal` aborts with. A phase has the calls that ended in it. The last one ends with the last call, so a call that hangs until
 * its deadline counts too.
 */
export async function restartUnderLoad(
  callers: readonly Caller[],
  restart: (service: string) => Promise<void>,
  { services, quietMs, say, signal }: RestartOptions,
): Promise<SeenByPhase> {
  const begun = [{ service: 'none', fromMs: Date.now() }];
  try {
    await sleep(quietMs, undefined, { signal });
    for (const service of services) {
      begun.push({ service, fromMs: Date.now() });
      await unlessAborted(restart(service), signal);
      await sleep(quietMs, undefined, { signal });
      say(`restarted ${service}`);
    }
  } catch (error) {
    // The first error is the cause of theirs.
    await endAll(callers).catch(() => undefined);
    throw error;
  }
  const seen = await endAll(callers);
  const endMs = Date.now();
  const phases = begun.map(({ service, fromMs }, index) => {
    const nextMs = begun[index + 1]?.fromMs;
    const between = [fromMs, nextMs ?? Number.POSITIVE_INFINITY] as const;
    const calls = new Map(seen.map(([name, caller]) => [name, caller.between(...between)]));
    return { service, seconds: ((nextMs ?? endMs) - fromMs) / 1_000, calls };
  });
  return { phases, errors: new Map(seen.map(([name, { errors }]) => [name, errors])) };
}

/** Ends all of them, also if one fails. Throws its error then. */
async function endAll(callers: readonly Caller[]): Promise<readonly (readonly [string, Seen])[]> {
  const ending = callers.map(async (caller) => [caller.name, await caller.end()] as const);
  await Promise.allSettled(ending);
  return await Promise.all(ending);
}

/** Resolves with the result of `work`. Throws what `signal` aborts with. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
