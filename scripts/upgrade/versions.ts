import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../mesh/errors/error-text.ts';
import type { StartedProcess } from '../../mesh/testing/servers/start-process.ts';

export type Version = 'older' | 'newer';

/** Starts the mesh of one version on the shared data. */
export type StartVersion = (version: Version) => Promise<StartedProcess>;

const limitMs = 60_000;

/** Resolves as `work` does. Throws if that takes longer than a minute; `what` is the rest of "the older version". */
export async function inTime<Result>(what: string, work: Promise<Result>, timeoutMs = limitMs): Promise<Result> {
  const timer = new AbortController();
  const late = sleep(timeoutMs, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`${what} within ${timeoutMs / 1_000} s`);
  });
  return await Promise.race([work, late]).finally(() => {
    timer.abort();
    late.catch(() => undefined);
  });
}

/** Stops a mesh with SIGTERM. Throws with what it printed if it does not exit with 0. */
export async function stopCleanly(
  version: Version,
  mesh: Pick<StartedProcess, 'stop' | 'stdout' | 'stderr'>,
  timeoutMs = limitMs,
): Promise<void> {
  const { code, signal } = await inTime(`the ${version} version did not stop`, mesh.stop(), timeoutMs);
  if (code === 0) return;
  const ending = signal ?? `exit code ${code}`;
  throw new Error(`the ${version} version ended with ${ending} when it was stopped:\n${mesh.stdout()}${mesh.stderr()}`);
}

/**
 * Starts the older version on data of the newer one. Resolves with what it did: starts, or refuses and says why. Throws if
 * it ended in another way, or did neither in time.
 */
export async function tryWayBack(start: StartVersion, timeoutMs = limitMs): Promise<string> {
  const starting = start('older').then(
    (mesh) => ({ mesh }),
    (error: unknown) => ({ refusal: refusalIn(messageOf(error)) }),
  );
  const outcome = await inTime('the older version neither started nor ended', starting, timeoutMs);
  if ('refusal' in outcome) return `refuses to start: ${outcome.refusal}`;
  await using back = outcome.mesh;
  await stopCleanly('older', back, timeoutMs);
  return 'starts';
}

/** The line of a process's output that says why it does not start. */
function refusalIn(output: string): string {
  const refusal = /^cannot start:(.+|\n.+)$/m.exec(output)?.[1]?.trim();
  if (refusal === undefined) throw new Error(`the older version did not refuse the data, it failed: ${output}`);
  return refusal;
}
