import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { isServing, type Mesh } from '../support/mesh.ts';

const patienceMs = 60_000;
const lookAgainMs = 300;

/**
 * Makes a call again while the mesh is away, once it is back; gives up after 60 s. Only for calls that are safe to
 * repeat: those that read, and those with a request_id.
 */
export async function patiently<T>(mesh: Mesh, call: () => Promise<T>): Promise<T> {
  const giveUpMs = Date.now() + patienceMs;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isAway(error) || Date.now() > giveUpMs) throw error;
      await untilBack(mesh, error, giveUpMs);
    }
  }
}

async function untilBack(mesh: Mesh, error: ClientError, giveUpMs: number): Promise<void> {
  const startMs = Date.now();
  console.log('  -- the mesh is away; nothing it accepted is lost. Waiting for it to be started again ("make start")');
  do {
    if (Date.now() > giveUpMs) throw error;
    await sleep(lookAgainMs);
  } while (!(await isServing(mesh)));
  console.log(`  -- the mesh is back after ${((Date.now() - startMs) / 1000).toFixed(1)} s`);
}

function isAway(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === Status.UNAVAILABLE;
}
