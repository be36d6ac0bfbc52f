import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { type SpawnedProcess, spawnCommand } from '../../../mesh/testing/servers/spawn-command.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { cpuSecondsOf, pin, serverCore } from '../server.ts';

const folder = fileURLToPath(new URL('../../peers/durable', import.meta.url));
// The program itself: what npm links to is a script that starts it.
const restateServer = join(
  folder,
  `node_modules/@restatedev/restate-server-${process.platform}-${process.arch}/bin/restate-server`,
);
const startLimitMs = 30_000;

/** Another engine of durable workflows, whose order is four empty steps. All its processes are on the servers' core. */
export interface DurablePeer {
  /** Takes an order as a POST, and answers once its four steps are done. */
  readonly url: string;
  /** Processor time of all its processes, in seconds. */
  cpuSeconds(): number;
}

/** Whether `make deps-peers` has installed them. */
export function hasDurablePeers(): boolean {
  return existsSync(restateServer);
}

/** Starts a single node of Restate on a new folder, with its defaults, and a service for it. The stack stops both. */
export async function startRestate(stack: AsyncDisposableStack): Promise<DurablePeer> {
  const data = stack.use(await tempFolder());
  const [servicePort, ingressPort, adminPort, nodePort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const service = stack.use(await startProgram('restate-orders.js', { PORT: String(servicePort) }));
  const server = stack.use(
    spawnOnCore([restateServer, '--no-logo', '--listen-mode', 'tcp', '--base-dir', data.path], {
      RESTATE_INGRESS__BIND_PORT: String(ingressPort),
      RESTATE_ADMIN__BIND_PORT: String(adminPort),
      RESTATE_BIND_PORT: String(nodePort),
      RESTATE_LOG_FILTER: 'warn',
      DO_NOT_TRACK: '1',
      HOME: data.path,
    }),
  );
  await registered(`http://127.0.0.1:${adminPort}/deployments`, `http://127.0.0.1:${servicePort}`, server);
  return peerOf(ingressPort, [server, service]);
}

/** Starts DBOS on a database of PostgreSQL. Its processor time does not include that of PostgreSQL. The stack stops it. */
export async function startDbos(stack: AsyncDisposableStack, databaseUrl: string): Promise<DurablePeer> {
  const port = await freePort();
  const environment = { PORT: String(port), DATABASE_URL: databaseUrl, HOME: folder };
  const program = stack.use(await startProgram('dbos-orders.js', environment));
  return peerOf(port, [program]);
}

function peerOf(port: number, processes: readonly SpawnedProcess[]): DurablePeer {
  const pids = processes.map(pidOf);
  return {
    url: `http://127.0.0.1:${port}/order/place`,
    cpuSeconds: () => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
  };
}

async function startProgram(name: string, environment: NodeJS.ProcessEnv): Promise<SpawnedProcess> {
  const program = spawnOnCore([process.execPath, join(folder, name)], environment);
  await program.printed(/^ready$/m);
  return program;
}

function spawnOnCore(command: readonly string[], environment: NodeJS.ProcessEnv): SpawnedProcess {
  const spawned = spawnCommand({ command: ['taskset', '-c', String(serverCore), ...command], environment });
  pin(pidOf(spawned), serverCore);
  return spawned;
}

function pidOf({ child }: SpawnedProcess): number {
  return child.pid ?? Number.NaN;
}

/** Registers the service at the server, as soon as that listens. Throws if it does not within 30 s. */
async function registered(admin: string, uri: string, server: SpawnedProcess): Promise<void> {
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uri }),
  };
  let failure: unknown;
  for (const endMs = performance.now() + startLimitMs; performance.now() < endMs; await delay(100)) {
    try {
      const answer = await fetch(admin, request);
      if (answer.ok) return await answer.body?.cancel();
      failure = new Error(`${answer.status}: ${await answer.text()}`);
    } catch (error) {
      failure = error;
    }
  }
  const output = `${server.stdout()}${server.stderr()}`;
  throw new Error(`Restate does not accept its service:\n${output}`, { cause: failure });
}
