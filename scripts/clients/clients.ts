import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, glob, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { collectThirdPartyProtos, isThirdParty } from '../protos/third-party-protos.ts';
import { exportPlainProtos, exportProtos } from '../protos.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const toolFolders = [join(root, '.tools/bin'), join(root, 'node_modules/.bin')];
const path = [...toolFolders, process.env.PATH].join(delimiter);
const python = join(root, '.tools/python/bin');
const javaGenerators = join(root, '.tools/java-generators');

/** A language in which `make clients` writes clients to `gen/<language>`. */
interface Language {
  /** Programs that have to be installed: names on the path, or absolute paths. */
  readonly tools: readonly string[];
  /** How to install them. */
  readonly install: string;
  /** Those that `tools.sh` installs, as soon as the others are there. */
  readonly generators?: { readonly programs: readonly string[]; readonly installation: string };
  /** Generates into `dir`, which has the files of `scripts/clients/<language>` already. */
  readonly generate: (dir: string) => Promise<void>;
}

export const languages: Readonly<Record<string, Language>> = {
  go: {
    tools: ['go', 'protoc-gen-go', 'protoc-gen-go-grpc'],
    install: 'run `make deps-polyglot`',
    generate: generateWithBuf,
  },
  python: {
    tools: [join(python, 'python'), join(python, 'protoc-gen-mypy_grpc')],
    install: 'run `make deps-polyglot`',
    generate: generatePython,
  },
  typescript: {
    tools: ['buf', 'tsc', 'npm'],
    install: 'run `npm ci`',
    generate: generateTypeScript,
  },
  csharp: {
    tools: [],
    install: '',
    // Grpc.Tools generates the code when the project is built.
    generate: async (dir) => void (await collectPlainProtos(join(dir, 'protos'))),
  },
  // Last: the first time, they take the longest.
  java: {
    tools: ['mvn', 'javac'],
    install: 'install Maven and a JDK, for example maven and openjdk-17-jdk-headless',
    generators: {
      programs: ['protoc', 'protoc-gen-grpc-java'].map((name) => join(javaGenerators, name)),
      installation: 'downloading its generators',
    },
    generate: async (dir) => {
      await generateWithBuf(dir);
      // Writes the jar to target/.
      runQuietly('mvn', ['-q', '-B', 'package'], dir);
    },
  },
  rust: {
    tools: ['cargo'],
    install: 'install Rust 1.88 or later, for example with rustup',
    generators: {
      programs: ['prost', 'tonic'].map((name) => join(root, '.tools/rust/bin', `protoc-gen-${name}`)),
      installation: 'compiling its generators: takes minutes, the first time only',
    },
    generate: async (dir) => {
      await generateWithBuf(dir);
      await writeCrateRoot(join(dir, 'src'));
    },
  },
};

/** The tools of a language, for `describeWithServer`, because they may be missing like a server. */
export function clientTools(language: string): { readonly name: string; readonly version: string | undefined } {
  const { tools, generators } = find(language);
  const isComplete = missing([...tools, ...(generators?.programs ?? [])]).length === 0;
  return { name: `what make clients-${language} needs`, version: isComplete ? '(installed)' : undefined };
}

/** Writes the clients of a language to the folder `dir`. */
export async function writeClients(language: string, dir: string): Promise<void> {
  const found = find(language);
  requireTools(language, [...found.tools, ...(found.generators?.programs ?? [])]);
  await cp(join(root, 'scripts/clients', language), dir, { recursive: true });
  await found.generate(dir);
}

/** Replaces `gen/<language>`. If that fails, it is unchanged. */
async function replaceClients(language: string): Promise<void> {
  await mkdir(join(root, '.cache'), { recursive: true });
  // On the same file system as gen/, so it can be renamed into place.
  const temp = await mkdtemp(join(root, '.cache/clients-'));
  try {
    // In a folder of its own: only the user may read a temporary folder.
    const fresh = join(temp, language);
    await writeClients(language, fresh);
    const target = join(root, 'gen', language);
    await rm(target, { recursive: true, force: true });
    await rename(fresh, target);
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

/** Runs the plugins of the `buf.gen.yaml` in `dir` for our contracts; with the input `.`, for health and reflection too. */
async function generateWithBuf(dir: string, input: 'proto' | '.' = 'proto'): Promise<void> {
  await collectThirdPartyProtos(join(root, '.cache/proto'));
  const template = join(dir, 'buf.gen.yaml');
  run('buf', ['generate', input, '--template', template, '--output', dir]);
  await rm(template);
}

/** Generates the package `ordermesh-clients`: JavaScript with types. Ends with a tarball in `dist/`. */
async function generateTypeScript(dir: string): Promise<void> {
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
async function generatePython(dir: string): Promise<void> {
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

/** A language cannot be written on this machine as it is. */
class ToolsMissing extends Error {}

/** Throws ToolsMissing if one of these is not installed. */
function requireTools(language: string, tools: readonly string[]): void {
  const names = missing(tools);
  if (names.length > 0) throw new ToolsMissing(`${names.join(', ')} not found: ${find(language).install}`);
}

function missing(tools: readonly string[]): string[] {
  const folders = path.split(delimiter);
  return tools.filter(
    (tool) => ![tool, ...folders.map((folder) => join(folder, tool))].some((place) => existsSync(place)),
  );
}

/** Installs the generators of a language, if it has any. */
function installGenerators(language: string): void {
  const { tools, generators, install } = find(language);
  requireTools(language, tools);
  if (generators === undefined) return;
  if (missing(generators.programs).length > 0) console.log(`clients-${language}: ${generators.installation}`);
  try {
    run('sh', ['scripts/clients/tools.sh', language]);
  } catch {
    throw new ToolsMissing(`its generators cannot be installed, see above: ${install}`);
  }
}

function find(language: string): Language {
  const found = languages[language];
  if (!found) throw new Error(`no clients for ${language}: use ${Object.keys(languages).join(', ')}`);
  return found;
}

function run(command: string, args: readonly string[], cwd = root): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PATH: path } });
}

/** Shows what the command prints only if it fails: Maven prints escape codes, npm the name of the tarball. */
function runQuietly(command: string, args: readonly string[], cwd: string): void {
  const env = { ...process.env, PATH: path };
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env });
  if (status !== 0) throw error ?? new Error(`${command} ${args.join(' ')} failed:\n${stdout}${stderr}`);
}

/** Without languages, writes all for which there are tools, and lists the others at the end. */
async function main(requested: readonly string[]): Promise<void> {
  const leftOut: string[] = [];
  for (const language of requested.length > 0 ? requested : Object.keys(languages)) {
    try {
      installGenerators(language);
      console.log(`clients-${language}: generating`);
      await replaceClients(language);
      console.log(`gen/${language}: clients for ${language}; see its README.md`);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (error instanceof ToolsMissing && requested.length === 0) {
        leftOut.push(`clients-${language}: left out: ${text}`);
      } else {
        console.error(`clients-${language}: ${text}`);
        process.exitCode = 1;
      }
    }
  }
  for (const line of leftOut) console.error(line);
}

if (import.meta.main) await main(process.argv.slice(2));
