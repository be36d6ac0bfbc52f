import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller, Counts } from './callers.ts';

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
}

/**
 * Restarts services one after another while callers call, and ends the callers, also if a restart fails. A phase has the calls
 * that ended in it. The last one ends with the last call, so a call that hangs until its deadline counts too.
 */
export async function restartUnderLoad(
  callers: readonly Caller[],
  restart: (service: string) => Promise<void>,
  { services, quietMs, say }: RestartOptions,
): Promise<SeenByPhase> {
  const endAll = () => Promise.all(callers.map(async (caller) => [caller.name, await caller.end()] as const));
  const begun = [{ service: 'none', fromMs: Date.now() }];
  try {
    await sleep(quietMs);
    for (const service of services) {
      begun.push({ service, fromMs: Date.now() });
      await restart(service);
      await sleep(quietMs);
      say(`restarted ${service}`);
    }
  } catch (error) {
    await endAll();
    throw error;
  }
  const seen = await endAll();
  const endMs = Date.now();
  const phases = begun.map(({ service, fromMs }, index) => {
    const nextMs = begun[index + 1]?.fromMs;
    const between = [fromMs, nextMs ?? Number.POSITIVE_INFINITY] as const;
    const calls = new Map(seen.map(([name, caller]) => [name, caller.between(...between)]));
    return { service, seconds: ((nextMs ?? endMs) - fromMs) / 1_000, calls };
  });
  return { phases, errors: new Map(seen.map(([name, { errors }]) => [name, errors])) };
}
