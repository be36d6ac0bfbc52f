import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError, Status } from 'nice-grpc';
import { isUnreached, reasonOf } from '../support/clients.ts';
import { isServing, type Mesh } from '../support/mesh.ts';

const patienceMs = 60_000;
const lookAgainMs = 300;

/**
 * Makes a call again while the mesh is away or cannot do it, and says once why it waits; gives up after 60 s. Only for calls
 * that are safe to repeat: those that read, and those with a request_id.
 */
export async function patiently<T>(mesh: Mesh, call: () => Promise<T>): Promise<T> {
  const giveUpMs = Date.now() + patienceMs;
  let told = '';
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error) || Date.now() > giveUpMs) throw error;
      if (isEnded(error)) await untilBack(mesh, error, giveUpMs);
      else {
        if (error.details !== told) console.log(`  -- ${error.details}`);
        told = error.details;
        await sleep(lookAgainMs);
      }
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

/** A lost data folder does not come back by itself: that waits for an operator. */
function isPassing(error: unknown): error is ClientError {
  return error instanceof ClientError && error.code === Status.UNAVAILABLE && reasonOf(error) !== 'STORAGE_LOST';
}

function isEnded(error: ClientError): boolean {
  return isUnreached(error) || reasonOf(error) === 'SERVER_DRAINING';
}
