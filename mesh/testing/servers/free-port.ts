import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems choose for outgoing connections and for `listen(0)`: 32768 and up on Linux. Such a port could be
 * taken before the server that it is for listens, or while that server restarts. Even a client that reconnects to a port
 * of its own range connects to itself now and then.
 */
const first = 20_000;
const end = 32_000;

// Each process of a test run starts elsewhere and never returns the same port again.
let next = randomInt(first, end);

/** Returns a free port of 127.0.0.1 for a server that another process starts, now or again later. */
export async function freePort(): Promise<number> {
  for (let tried = first; tried < end; tried += 1) {
    const port = next;
    next = next + 1 < end ? next + 1 : first;
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port from ${first} to ${end}`);
}

/** Returns this port, or the next one of 127.0.0.1 that is free. */
export async function nextFreePort(preferred: number): Promise<number> {
  let port = preferred;
  while (!(await isFree(port))) port += 1;
  return port;
}

/** Whether nobody listens on this port. */
export async function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
