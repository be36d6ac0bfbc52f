import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { untilHealthy } from './containers.ts';
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
 * the servers come, and all become healthy.
 */
export async function checkServersAfterServices(engine: DockerEngine): Promise<string> {
  const services = await meshServices();
  const scales = ['--scale', 'order=2', '--scale', 'payment=2'];
  await engine.compose(['--profile', 'mesh', 'up', '-d', ...scales, ...services]);
  await sleep(20_000);
  await engine.compose(['--profile', 'mesh', 'up', '-d', '--no-recreate', ...scales]);
  const fromMs = Date.now();
  const containers = await untilHealthy(engine);
  const restarts = containers.reduce((sum, { restarts }) => sum + restarts, 0);
  const seconds = Math.round((Date.now() - fromMs) / 1_000);
  return `${containers.length} containers healthy ${seconds} s after the servers came, ${restarts} restarts`;
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

/** The memory of each container, as its control group counts it. */
export async function memoryOf({ docker }: DockerEngine): Promise<readonly string[]> {
  const lines = await docker('stats', '--no-stream', '--format', '{{.Name}}\t{{.MemUsage}}');
  return lines.split('\n').map((line) => line.replace(/ \/ .*/, '').replace(/^ordermesh-verify[-_]/, ''));
}
