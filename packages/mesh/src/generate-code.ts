import { execFileSync } from 'node:child_process';
import { cp, glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { messageOf } from '../../../mesh/errors/error-text.ts';
import { bufTemplate } from '../../../scripts/gen/buf-template.ts';
import { deriveFromDescriptors, descriptorsIn } from '../../../scripts/gen/derive.ts';
import { UnrestoredError } from '../../../scripts/gen/swap-entries.ts';
import { replaceableFolder, replaceFolder } from './output-folder.ts';

// Generates the code of a project's contracts: ordermesh-generate [--ops] [contracts: proto] [output: gen]. The output has what
// make gen writes in the repository of ordermesh, and the contracts that others import come with this package; with --ops also
// those of the service `ops`. The output is replaced as a whole, so a folder with anything that was not generated is refused.

const runtime = '@ordermesh/mesh';
/** Contracts of the mesh and of third parties. */
const shipped = fileURLToPath(new URL('../protos', import.meta.url));
const { values, positionals } = parseArguments();
const [from = 'proto', to = 'gen'] = positionals;
try {
  await generate(resolve(from), resolve(to));
} catch (error) {
  // Buf has already printed the problem; a stack trace would hide it.
  const state = error instanceof UnrestoredError ? 'is missing' : 'is unchanged';
  console.error(`${to} ${state}: ${messageOf(error)}`);
  process.exitCode = 1;
}

function parseArguments() {
  try {
    return parseArgs({ options: { ops: { type: 'boolean', default: false } }, allowPositionals: true });
  } catch (error) {
    console.error(`${messageOf(error)}\nusage: ordermesh-generate [--ops] [contracts: proto] [output: gen]`);
    process.exit(2);
  }
}

async function generate(protoDir: string, genDir: string): Promise<void> {
  const own = await Array.fromAsync(glob('**/*.proto', { cwd: protoDir }));
  if (own.length === 0) throw new Error(`there are no contracts in ${protoDir}: name the folder that has them`);
  const target = await replaceableFolder(genDir, [protoDir, process.cwd()]);
  const work = await mkdtemp(join(tmpdir(), 'ordermesh-generate-'));
  try {
    await cp(shipped, join(work, 'proto'), { recursive: true });
    await cp(protoDir, join(work, 'proto'), { recursive: true });
    await writeFile(join(work, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\n');
    await writeFile(join(work, 'buf.gen.yaml'), await template());
    const found = await Array.fromAsync(glob('**/*.proto', { cwd: shipped }));
    // The template names packages of all others. A project has the event service only if it imports it, and ops if it serves it.
    const imported = found.filter((path) => !path.startsWith('events/') && (values.ops || !path.startsWith('ops/')));
    const paths = [...new Set([...own, ...imported])].flatMap((path) => ['--path', join('proto', path)]);
    buf(work, 'generate', ...paths);
    buf(work, 'build', '--as-file-descriptor-set', '--output', descriptorsIn(join(work, 'gen')), ...paths);
    await deriveFromDescriptors(join(work, 'gen'), await projectVersion());
    await replaceFolder(target, join(work, 'gen'));
  } finally {
    await rm(work, { recursive: true });
  }
}

/** ts-proto is a program of the project. */
async function template(): Promise<string> {
  const require = createRequire(resolve('package.json'));
  const plugin = fileURLToPath(new URL('../mesh/contract/protoc-gen-mesh.js', import.meta.url));
  return await bufTemplate({ tsProto: require.resolve('ts-proto/protoc-gen-ts_proto'), plugin, runtime });
}

function buf(cwd: string, ...args: string[]): void {
  // Plugins run on `node`: that of this program.
  const path = [resolve('node_modules/.bin'), join(process.execPath, '..'), process.env.PATH].join(delimiter);
  execFileSync('buf', args, { cwd, stdio: 'inherit', env: { ...process.env, PATH: path } });
}

async function projectVersion(): Promise<string> {
  const { version = '0.0.0' }: { version?: string } = JSON.parse(await readFile('package.json', 'utf8'));
  return version;
}
