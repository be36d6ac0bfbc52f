import { execFileSync, spawnSync } from 'node:child_process';
import { cp, glob, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectThirdPartyProtos, isThirdParty } from '../protos/third-party-protos.ts';
import { exportPlainProtos, exportProtos } from '../protos.ts';

/** The folder of the project. */
export const root = fileURLToPath(new URL('../..', import.meta.url));
const toolFolders = [join(root, '.tools/bin'), join(root, 'node_modules/.bin')];
/** The folders in which generators are found. */
export const path = [...toolFolders, process.env.PATH].join(delimiter);
/** Python with the packages of `make deps-polyglot`. */
export const python = join(root, '.tools/python/bin');

/** Runs the plugins of the `buf.gen.yaml` in `dir` for our contracts; with the input `.`, for health and reflection too. */
export async function generateWithBuf(dir: string, input: 'proto' | '.' = 'proto'): Promise<void> {
  await collectThirdPartyProtos(join(root, '.cache/proto'));
  const template = join(dir, 'buf.gen.yaml');
  run('buf', ['generate', input, '--template', template, '--output', dir]);
  await rm(template);
}

/** Generates the package `ordermesh-clients`: JavaScript with types. Ends with a tarball in `dist/`. */
export async function generateTypeScript(dir: string): Promise<void> {
  await generateWithBuf(dir, '.');
  // The compiler looks for packages there.
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
  run('tsc', ['--project', dir]);
  for (const leftover of ['node_modules', 'tsconfig.json']) await rm(join(dir, leftover));
  for (const name of await readdir(join(dir, 'src'))) {
    if (name !== 'calls.ts') await rm(join(dir, 'src', name), { recursive: true });
  }
  for await (const path of glob('**/*.d.ts', { cwd: dir })) await repeatOverloads(join(dir, path));
  await mkdir(join(dir, 'dist'));
  runQuietly('npm', ['pack', '--pack-destination', 'dist'], dir);
}

/** Repeats, after the overloads of each unary call, the one with a request only: `promisify` takes its types from the last. */
async function repeatOverloads(path: string): Promise<void> {
  const overloads = /^( *\w+\(request: \w+, callback: .*\): ClientUnaryCall;\n)(?:.*\): ClientUnaryCall;\n){2}/gm;
  await writeFile(path, (await readFile(path, 'utf8')).replaceAll(overloads, '$&$1'));
}

/** Generates a Maven project. Ends with a jar in `target/`. */
export async function generateJava(dir: string): Promise<void> {
  await generateWithBuf(dir);
  runQuietly('mvn', ['-q', '-B', 'package'], dir);
}

/** Generates a crate. */
export async function generateRust(dir: string): Promise<void> {
  await generateWithBuf(dir);
  await writeCrateRoot(join(dir, 'src'));
}

/** Writes a project in which Grpc.Tools generates the code when it is built. */
export async function generateCsharp(dir: string): Promise<void> {
  await collectPlainProtos(join(dir, 'protos'));
}

/** Writes the `lib.rs` that has a module for each package. */
async function writeCrateRoot(dir: string): Promise<void> {
  const about = '//! Messages and clients of every ordermesh service: `user/v1/user.proto` is `ordermesh::user::v1`.\n';
  const packages = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const modules = packages
    .map(({ name }) => name)
    .sort()
    .map((name) => `pub mod ${name} {\n    pub mod v1 {\n        include!("${name}/v1/${name}.v1.rs");\n    }\n}\n`);
  await writeFile(join(dir, 'lib.rs'), [about, 'pub mod calls;\n', ...modules].join('\n'));
}

/**
 * Generates the package `ordermesh`. Python's imports follow from the paths of the contracts, so they are compiled from
 * `ordermesh/`. Buf cannot run grpcio's generator, which is part of its protoc. Ends with a wheel in `dist/`.
 */
export async function generatePython(dir: string): Promise<void> {
  const sources = join(dir, 'build/protos');
  const contracts = await collectPlainProtos(sources, 'ordermesh/');
  const protoc = ['-m', 'grpc_tools.protoc', '-I', sources, `--python_out=${dir}`, `--pyi_out=${dir}`];
  const stubs = [`--grpc_python_out=${dir}`, `--plugin=${python}/protoc-gen-mypy_grpc`, `--mypy_grpc_out=quiet:${dir}`];
  run(join(python, 'python'), [...protoc, ...stubs, ...contracts]);
  await removeEmptyStubs(join(dir, 'ordermesh'));
  await rename(join(dir, 'calls.py'), join(dir, 'ordermesh/calls.py'));
  await writeFile(join(dir, 'ordermesh/py.typed'), '');
  // For services, which check the rules of the contracts: the generated code has no custom options.
  await cp(join(root, 'gen/descriptors.binpb'), join(dir, 'ordermesh/descriptors.binpb'));
  for (const folder of await foldersIn(join(dir, 'ordermesh'))) await writeFile(join(folder, '__init__.py'), '');
  await rm(join(dir, 'build'), { recursive: true });
  const wheel = ['-m', 'pip', 'wheel', '-q', '--disable-pip-version-check', '--no-deps', '--no-build-isolation'];
  run(join(python, 'python'), [...wheel, '--wheel-dir', join(dir, 'dist'), dir]);
  for (const leftover of ['build', 'ordermesh.egg-info'])
    await rm(join(dir, leftover), { recursive: true, force: true });
}

/**
 * Writes our contracts without custom options to `dir`, below the folder `prefix` if there is one. Returns their paths. They
 * import nothing but `google/protobuf`.
 */
async function collectPlainProtos(dir: string, prefix = ''): Promise<string[]> {
  const temp = await mkdtemp(join(tmpdir(), 'ordermesh-protos-'));
  const [full, plain] = [join(temp, 'full'), join(temp, 'plain')];
  const contracts: string[] = [];
  try {
    await exportProtos(full);
    await exportPlainProtos(full, plain);
    for await (const path of glob('**/*.proto', { cwd: plain })) {
      if (isThirdParty(path)) continue;
      const source = await readFile(join(plain, path), 'utf8');
      await mkdir(dirname(join(dir, prefix, path)), { recursive: true });
      await writeFile(join(dir, prefix, path), source.replaceAll(/^import "(?!google\/)/gm, `import "${prefix}`));
      contracts.push(join(prefix, path));
    }
  } finally {
    await rm(temp, { recursive: true });
  }
  return contracts.sort();
}

/** Removes the stubs of contracts without a service: they define nothing. */
async function removeEmptyStubs(dir: string): Promise<void> {
  for await (const path of glob('**/*_pb2_grpc.py', { cwd: dir })) {
    const source = await readFile(join(dir, path), 'utf8');
    if (!source.includes('class ')) for (const end of ['', 'i']) await rm(join(dir, path + end), { force: true });
  }
}

async function foldersIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return [dir, ...entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name))];
}

/** Runs a command in the folder of the project, and shows what it prints. */
export function run(command: string, args: readonly string[], cwd = root): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PATH: path } });
}

/** Shows what the command prints only if it fails: Maven prints escape codes, npm the name of the tarball. */
export function runQuietly(command: string, args: readonly string[], cwd: string): void {
  const env = { ...process.env, PATH: path };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}
