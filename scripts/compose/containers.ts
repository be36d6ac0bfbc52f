import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type DockerEngine, project } from './engine.ts';

/** A container of the project. */
export interface Container {
  readonly id: string;
  /** `ordermesh-verify-order-1`. */
  readonly name: string;
  readonly image: string;
  readonly pid: number;
  readonly restarts: number;
  /** `healthy`, `unhealthy` or `starting`. */
  readonly health: string;
}

/** How long containers may take on a machine that does other things too. */
const patienceMs = 600_000;

/** The containers of the project, or of one service of it, by name. */
export async function listContainers({ docker }: DockerEngine, service?: string): Promise<readonly Container[]> {
  const filters = [`label=com.docker.compose.project=${project}`];
  if (service !== undefined) filters.push(`label=com.docker.compose.service=${service}`);
  const ids = await docker('ps', '-aq', '--no-trunc', ...filters.flatMap((filter) => ['--filter', filter]));
  if (ids === '') return [];
  const found: readonly Inspected[] = JSON.parse(await docker('inspect', ...ids.split('\n')));
  return found.map(toContainer).toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** What is used of the output of docker inspect. */
interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly Config: { readonly Image: string };
  readonly State: { readonly Pid: number; readonly Running: boolean; readonly Health?: { readonly Status: string } };
  readonly RestartCount: number;
}

function toContainer({ Id, Name, Config, State, RestartCount }: Inspected): Container {
  return {
    id: Id,
    name: Name.slice(1),
    image: Config.Image,
    pid: State.Pid,
    restarts: RestartCount,
    health: State.Health?.Status ?? (State.Running ? 'healthy' : 'stopped'),
  };
}

/** Waits until all containers are healthy. Throws with those that are not, and the end of their logs. */
export async function untilHealthy(engine: DockerEngine, service?: string): Promise<readonly Container[]> {
  const lateMs = Date.now() + patienceMs;
  for (;;) {
    const containers = await listContainers(engine, service);
    const others = containers.filter(({ health }) => health !== 'healthy');
    if (containers.length > 0 && others.length === 0) return containers;
    if (Date.now() > lateMs) {
      const logs = others.map(async ({ id, name, health }) => `${name} is ${health}:\n${await logOf(engine, id)}`);
      throw new Error((await Promise.all(logs)).join('\n'));
    }
    await sleep(1_000);
  }
}

/** The last lines that a container printed, on either output. */
async function logOf({ environment }: DockerEngine, id: string): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)('docker', ['logs', '--tail', '5', id], { env: environment });
  return stdout + stderr;
}

/** Replaces the containers of a service by new ones, one after another, without an interruption. */
export async function replaceService(engine: DockerEngine, service: string): Promise<void> {
  const old = await listContainers(engine, service);
  for (const { id } of old) {
    await scale(engine, service, old.length + 1);
    await untilHealthy(engine, service);
    // Callers find the new one within the seconds that answers of DNS are kept for.
    await sleep(5_000);
    await engine.docker('stop', '--time', '30', id);
    await engine.docker('rm', '--volumes', id);
  }
}

/** Makes as many containers of a service, and leaves those that run. */
export async function scale(engine: DockerEngine, service: string, count: number): Promise<void> {
  const args = [
    '--profile',
    'mesh',
    'up',
    '-d',
    '--no-deps',
    '--no-recreate',
    '--scale',
    `${service}=${count}`,
    service,
  ];
  await engine.compose(args);
}
