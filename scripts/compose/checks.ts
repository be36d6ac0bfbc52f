import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { listContainers, scale, untilHealthy } from './containers.ts';
import { type DockerEngine, project } from './engine.ts';
import { meshServices } from './images.ts';

const run = promisify(execFile);
const network = `${project}_default`;

/** Throws with `text` unless `condition` holds. */
function check(condition: boolean, text: string): void {
  if (!condition) throw new Error(text);
}

/** Runs a container that has to end by itself. Returns its exit code and what it printed. */
async function runToEnd({ environment }: DockerEngine, args: readonly string[]) {
  const options = { env: environment, timeout: 180_000 };
  return await run('docker', ['run', '--rm', ...args], options).then(
    ({ stdout, stderr }) => ({ code: 0, text: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ code, text: `${stdout}${stderr}` }),
  );
}

/** A container without its volume does not start, and says what to mount. */
export async function checkMissingVolume(engine: DockerEngine, image: string): Promise<string> {
  const { code, text } = await runToEnd(engine, ['--read-only', '-e', 'ALLOW_INSECURE=1', image, 'user']);
  check(code === 2 && text.includes('mount a volume at /data'), `without a volume: exit code ${code}: ${text}`);
  return text.split('\n').find((line) => line.startsWith('cannot start')) ?? '';
}

/** Without TLS and without ALLOW_INSECURE a container does not start. */
export async function checkRefusedOpen(engine: DockerEngine, image: string): Promise<string> {
  const { code, text } = await runToEnd(engine, ['--read-only', '--tmpfs', '/data:uid=10001', image, 'user']);
  check(code === 2 && text.includes('ALLOW_INSECURE'), `without TLS: exit code ${code}: ${text}`);
  return text.split('\n').find((line) => line.startsWith('GRPC_LISTEN')) ?? '';
}

/**
 * Services start before the servers that they need, two of order and payment at once, which migrate the same database. Then
 * the servers come, and all become healthy. `composeFile`: that of `version`.
 */
export async function checkServersAfterServices(
  engine: DockerEngine,
  composeFile: string,
  version: string,
): Promise<string> {
  const environment = { ORDERMESH_VERSION: version };
  const services = await meshServices();
  const scales = ['--scale', 'order=2', '--scale', 'payment=2'];
  const up = ['--file', composeFile, '--profile', 'mesh', 'up', '-d'];
  await engine.compose([...up, '--no-deps', ...scales, ...services], environment);
  await sleep(20_000);
  await engine.compose([...up, '--no-recreate', ...scales], environment);
  const fromMs = Date.now();
  const containers = await untilHealthy(engine);
  const restarts = containers.reduce((sum, { restarts }) => sum + restarts, 0);
  const seconds = Math.round((Date.now() - fromMs) / 1_000);
  return `${containers.length} containers healthy ${seconds} s after the servers came, ${restarts} restarts`;
}

/** The commands of docs/containers.md, from nothing: the servers, then every service. */
export async function checkUpWait(engine: DockerEngine, address: string): Promise<string> {
  await engine.compose(['up', '--wait']);
  const servers = await listContainers(engine);
  check(servers.length === 3, `up --wait started ${servers.map(({ name }) => name).join(', ')}`);
  await engine.compose(['--profile', 'mesh', 'up', '--wait']);
  const containers = await listContainers(engine);
  const others = containers.filter(({ health, restarts }) => health !== 'healthy' || restarts > 0);
  check(others.length === 0, `not healthy, or started again: ${others.map(({ name }) => name).join(', ')}`);
  return `${containers.length} containers healthy; ${await checkDemo(address)}`;
}

/** What the reference calls answers inside the network, by its names and ports. */
export async function checkReferenceNames(engine: DockerEngine, image: string, script: string): Promise<string> {
  const mounted = ['-v', `${script}:/app/reference.js:ro`, '--network', network, '--entrypoint', 'node'];
  const { code, text } = await runToEnd(engine, [...mounted, image, 'reference.js']);
  check(code === 0, `the reference's names: ${text}`);
  return text.match(/^[\w-]+:\d+$/gm)?.join(', ') ?? '';
}

/** `make demo` at the published port. */
export async function checkDemo(address: string): Promise<string> {
  const env = { ...process.env, ADDRESS: address, DATA_DIR: 'none' };
  const { stdout } = await run(process.execPath, ['examples/demo.ts'], { env, timeout: 180_000 });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** A process that is killed is started again, and orders complete meanwhile. */
export async function checkKilled(engine: DockerEngine, service: string, address: string): Promise<string> {
  const [killed] = await listContainers(engine, service);
  if (killed === undefined) throw new Error(`no container of ${service}`);
  process.kill(killed.pid, 'SIGKILL');
  const ending = await checkDemo(address);
  const containers = await untilHealthy(engine, service);
  const again = containers.find(({ id }) => id === killed.id);
  check(again?.restarts === killed.restarts + 1, `${killed.name} was not started again`);
  return ending;
}

/** With a wrong password a container says so, and the mesh does not notice it. */
export async function checkWrongSecret(engine: DockerEngine, image: string, address: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'compose-secret-'));
  const name = `${project}-wrong-secret`;
  try {
    const secret = join(folder, 'database-url');
    await writeFile(secret, 'postgres://ordermesh:wrong@postgres:5432/<service>\n', { mode: 0o644 });
    await run('chmod', ['755', folder]);
    await engine.docker(
      ...['run', '-d', '--name', name, '--restart', 'unless-stopped', '--network', network, '--read-only'],
      ...['--tmpfs', '/data:uid=10001', '-v', `${secret}:/run/secret:ro`, '-e', 'DATABASE_URL_FILE=/run/secret'],
      ...['-e', 'ALLOW_INSECURE=1', '-e', 'EVENTS_URL=kafka://kafka:9092', '-e', 'TASKS_URL=amqp://rabbitmq:5672'],
      ...[image, 'user'],
    );
    await sleep(30_000);
    const { stdout, stderr } = await run('docker', ['logs', name], { env: engine.environment });
    const text = stdout + stderr;
    const line = text.split('\n').find((line) => line.startsWith('cannot start')) ?? '';
    check(/password|authentication/.test(line) && !text.includes('wrong@'), `a wrong password: ${text}`);
    await checkDemo(address);
    return line.slice(0, 300);
  } finally {
    await engine.docker('rm', '-f', '-v', name).catch(() => undefined);
    await rm(folder, { recursive: true });
  }
}

/** Further containers of a service get calls. */
export async function checkScale(engine: DockerEngine, service: string): Promise<string> {
  await scale(engine, service, 3);
  await untilHealthy(engine, service);
  await sleep(10_000);
  const [gateway] = await listContainers(engine, 'gateway');
  const options = { env: engine.environment };
  // It exits with 1 if something needs attention.
  const text = await run('docker', ['exec', gateway?.id ?? '', 'ordermesh', 'status'], options).then(
    ({ stdout }) => stdout,
    ({ stdout }) => `${stdout}`,
  );
  const lines = text.split('\n').filter((line) => line.includes(service));
  const addresses = new Set(lines.flatMap((line) => line.match(/[\d.]+:50051/g) ?? []));
  check(addresses.size >= 3, `status does not see three of ${service}:\n${text}`);
  await scale(engine, service, 1);
  return `status sees ${addresses.size} processes of ${service}`;
}

/** The memory of each container, as its control group counts it. */
export async function memoryOf({ docker }: DockerEngine): Promise<readonly string[]> {
  const lines = await docker('stats', '--no-stream', '--format', '{{.Name}}\t{{.MemUsage}}');
  return lines.split('\n').map((line) => line.replace(/ \/ .*/, '').replace(/^ordermesh-verify[-_]/, ''));
}
