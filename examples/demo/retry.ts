import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { isUnreached, reasonOf } from '../support/clients.ts';
import { isServing, type Mesh } from '../support/mesh.ts';

const maxWaitMs = 60_000;
const retryDelayMs = 300;

/**
 * Retries a call while the mesh is unavailable, for up to 60 s, and prints each new cause once. Only for calls that are safe
 * to retry: those that only read and those with a request_id.
 */
export async function retryUnavailable<T>(mesh: Mesh, call: () => Promise<T>): Promise<T> {
  const giveUpMs = Date.now() + maxWaitMs;
  let reported = '';
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isTransient(error) || Date.now() > giveUpMs) throw error;
      if (isStopped(error)) await joinRestart(mesh, () => waitForRestart(mesh, error, giveUpMs));
      else {
        if (error.details !== reported) console.log(`  -- ${error.details}`);
        reported = error.details;
        await sleep(retryDelayMs);
      }
    }
  }
}

/** The restarts that calls wait for: several calls fail at the same time, and one of them reports it. */
const restarts = new WeakMap<Mesh, Promise<void>>();

async function joinRestart(mesh: Mesh, wait: () => Promise<void>): Promise<void> {
  const restart = restarts.get(mesh) ?? wait();
  restarts.set(mesh, restart);
  await restart.finally(() => restarts.delete(mesh));
}

async function waitForRestart(mesh: Mesh, error: ClientError, giveUpMs: number): Promise<void> {
  const startMs = Date.now();
  console.log('  -- the mesh has stopped; no accepted order is lost. Waiting for "make start"');
  do {
    if (Date.now() > giveUpMs) throw error;
    await sleep(retryDelayMs);
  } while (!(await isServing(mesh)));
  console.log(`  -- the mesh is back after ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}

/** A data folder that is lost, or whose disk fails, needs an operator. */
const needsOperator: ReadonlySet<string | undefined> = new Set(['STORAGE_LOST', 'STORAGE_FLUSH_FAILED']);

function isTransient(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === Status.UNAVAILABLE && !needsOperator.has(reasonOf(error));
}

function isStopped(error: ClientError): boolean {
  return isUnreached(error) || reasonOf(error) === 'SERVER_DRAINING';
}
