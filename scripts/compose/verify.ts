import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { messageOf } from '../../mesh/errors/error-text.ts';
import { stopOnSignal, untilStopped } from '../support/stop-on-signal.ts';
import {
  checkDemo,
  checkKilled,
  checkMissingVolume,
  checkReferenceNames,
  checkRefusedOpen,
  checkScale,
  checkServersAfterServices,
  checkUpWait,
  checkWrongSecret,
  memoryOf,
} from './checks.ts';
import { listContainers } from './containers.ts';
import { type DockerEngine, startEngine } from './engine.ts';
import { makeBases, meshServices } from './images.ts';
import { buildPrevious } from './previous.ts';
import { checkRolling, replaceGateway } from './rolling.ts';
import { checkPrometheus } from './watch.ts';

// `make verify-compose`: runs docker-compose.yml and deploy/Dockerfile as they are, on a Docker engine of its own, with images
// made from Debian's packages, and prints what it measured. Exits with 1 if a check fails.

const folder = resolve('.cache/compose');
const address = '127.0.0.1:50051';
const httpAddress = '127.0.0.1:8080';
const profiles = ['--profile', 'mesh', '--profile', 'watch'];
const maxImageBytes = 120_000_000;

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
const image = `ordermesh/ordermesh:${version}`;

// Containers and engine are stopped then. The step that it ends reports it. A second signal leaves them.
const stopping = stopOnSignal();

try {
  await using engine = await startEngine(folder);
  await using stack = new AsyncDisposableStack();
  stack.defer(async () => void (await down(engine)));
  await down(engine);
  await step('images', () => makeBases(engine, folder, console.log).then(() => 'ready'));
  await step('image', () => buildImage(engine));
  await step('without its volume', () => checkMissingVolume(engine, image));
  await step('without TLS', () => checkRefusedOpen(engine, image));
  const before = `${version}-before`;
  let composeFile = '';
  await step('release before', async () => {
    const previous = await buildPrevious(engine, folder, image, `ordermesh/ordermesh:${before}`);
    composeFile = previous.composeFile;
    return previous.name;
  });
  await step('its services, then servers', () => checkServersAfterServices(engine, composeFile, before));
  await step('demo', () => checkDemo(address));
  await step('gateway', () => replaceGateway(engine));
  await step('replaced under load', () => checkRolling(engine, address, httpAddress));
  const script = fileURLToPath(new URL('reference.js', import.meta.url));
  await step('names of the reference', () => checkReferenceNames(engine, image, script));
  await step('Prometheus', async () => checkPrometheus(engine, await meshServices()));
  await step('memory', async () => `\n  ${(await memoryOf(engine)).join('\n  ')}`);
  await step('killed container', () => checkKilled(engine, 'payment', address));
  await step('wrong secret', () => checkWrongSecret(engine, image, address));
  await step('scale', () => checkScale(engine, 'user'));
  await step('demo', () => checkDemo(address));
  await step('down', () => down(engine));
  await step('up --wait', () => checkUpWait(engine, address));
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = stopping.aborted ? 130 : 1;
}
// What a step does that was stopped need not end.
process.exit();

async function step(name: string, work: () => Promise<string>): Promise<void> {
  const fromMs = Date.now();
  const result = await untilStopped(work(), stopping).catch((error: unknown) => {
    throw new Error(`${name}: ${messageOf(error)}`);
  });
  console.log(`${name} (${Math.round((Date.now() - fromMs) / 1_000)} s): ${result}`);
}

async function down(engine: DockerEngine): Promise<string> {
  await engine.compose([...profiles, 'down', '--volumes', '--timeout', '30']);
  const left = await listContainers(engine);
  if (left.length > 0) throw new Error(`${left.map(({ name }) => name).join(', ')} are left`);
  return 'no container is left';
}

/** Builds the image. Returns its compressed size, and the layers. */
async function buildImage({ environment, docker }: DockerEngine): Promise<string> {
  await docker('build', '-q', '--network', 'host', '-f', 'deploy/Dockerfile', '-t', image, '.');
  const options = { env: environment };
  const { stdout } = await promisify(execFile)('sh', ['-c', `docker save ${image} | gzip -6 | wc -c`], options);
  const bytes = Number(stdout);
  if (bytes > maxImageBytes) throw new Error(`the image has ${bytes} bytes, more than ${maxImageBytes}`);
  const layers = await docker('history', '--format', '{{.Size}}\t{{.CreatedBy}}', image);
  const large = layers.split('\n').filter((line) => !line.startsWith('0B'));
  const shown = large.map((line) => line.replace(/\s+/g, ' ').slice(0, 100));
  return `${(bytes / 1_000_000).toFixed(1)} MB compressed; layers, not compressed:\n  ${shown.join('\n  ')}`;
}
