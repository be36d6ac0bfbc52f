import { execFile } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { freshClone } from '../../test/support/fresh-clone.ts';
import { readManifest } from '../packages/manifest.ts';
import { clientTools, writeClients } from './clients.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = async (cwd: string, file: string, args: readonly string[], env: Record<string, string> = {}) =>
  promisify(execFile)(file, args, { cwd, env: { ...process.env, ...env } });

/** The path of a program of this machine. */
const which = async (name: string) => (await run('/', 'sh', ['-c', `command -v ${name}`])).stdout.trim();

const { version } = await readManifest(root);

const hasDotnet = await which('dotnet').then(Boolean, () => false);

const goModule = 'github.com/ordermesh/ordermesh/gen/go';
/** Without downloads: what the clients need is installed by `make deps`. */
const offline = { GOFLAGS: '-mod=readonly', GOPROXY: 'off' };

describe('make clients', () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder();
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  describeWithServer(clientTools('go'), 'for Go', () => {
    it('writes a module that compiles', { timeout: 240_000 }, async () => {
      const dir = join(folder.path, 'go');
      await writeClients('go', dir);
      await run(dir, 'go', ['vet', './...'], offline);
      const { stdout } = await run(dir, 'go', ['list', './...'], offline);
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining(['calls', 'user/v1', 'order/v1'].map((name) => `${goModule}/${name}`)),
      );
    });
  });

  describeWithServer(clientTools('python'), 'for Python', () => {
    const importAll = [
      'import importlib, pkgutil, ordermesh',
      'names = [m.name for m in pkgutil.walk_packages(ordermesh.__path__, "ordermesh.")]',
      'for name in names: importlib.import_module(name)',
      'print(" ".join(names))',
    ].join('\n');

    it('writes a typed wheel of which every module can be imported', { timeout: 120_000 }, async () => {
      const dir = join(folder.path, 'python');
      await writeClients('python', dir);
      const [wheel = ''] = await readdir(join(dir, 'dist'));
      expect(wheel).toBe(`ordermesh-${version}-py3-none-any.whl`);
      const install = ['-m', 'pip', 'install', '-q', '--no-index', '--no-deps', '--target', 'installed'];
      await run(dir, grpcPythonPath, [...install, join('dist', wheel)]);
      const env = { PYTHONPATH: join(dir, 'installed') };
      // -P leaves the folder it runs in off the path.
      const { stdout } = await run(dir, grpcPythonPath, ['-P', '-c', importAll], env);
      expect(stdout.trim().split(' ')).toEqual(
        expect.arrayContaining(['ordermesh.calls', 'ordermesh.user.v1.user_pb2', 'ordermesh.user.v1.user_pb2_grpc']),
      );
      const installed = join(dir, 'installed/ordermesh');
      for (const file of ['py.typed', 'user/v1/user_pb2.pyi', 'user/v1/user_pb2_grpc.pyi']) {
        await access(join(installed, file));
      }
      // Nothing but our package, so it cannot replace the packages of others.
      expect((await readdir(join(dir, 'installed'))).filter((name) => !name.endsWith('.dist-info'))).toEqual([
        'ordermesh',
      ]);
    });
  });

  describe('for TypeScript', () => {
    it('writes a package of modules with types', { timeout: 120_000 }, async () => {
      const dir = join(folder.path, 'typescript');
      await writeClients('typescript', dir);
      const { stdout } = await run(dir, 'tar', ['-tzf', `dist/ordermesh-clients-${version}.tgz`]);
      const files = stdout
        .trim()
        .split('\n')
        .map((path) => path.replace('package/', ''));
      const modules = ['calls', 'user/v1/user', 'grpc/health/v1/health', 'grpc/reflection/v1alpha/reflection'];
      expect(files).toEqual(expect.arrayContaining(modules.flatMap((name) => [`${name}.js`, `${name}.d.ts`])));
      const others = files.filter((path) => !/\.(js|d\.ts)$/.test(path));
      expect(others.sort()).toEqual(['README.md', 'package.json', 'src/calls.ts']);
    });
  });

  describeWithServer(grpcPython, 'for C#, with protoc', () => {
    it('writes contracts that compile alone', async () => {
      const dir = join(folder.path, 'csharp');
      await writeClients('csharp', dir);
      const contracts = (await readdir(join(dir, 'protos'), { recursive: true })).filter((path) =>
        path.endsWith('.proto'),
      );
      expect(contracts).toContain('user/v1/user.proto');
      await run(join(dir, 'protos'), grpcPythonPath, ['-m', 'grpc_tools.protoc', '-I.', '-ocompiled', ...contracts]);
    });
  });

  // They compile for minutes, so only `make verify-polyglot` does it.
  describe.runIf(process.env.VERIFY_POLYGLOT === '1')('for compiled languages', { timeout: 600_000 }, () => {
    it('writes a jar for Java', async () => {
      const dir = join(folder.path, 'java');
      await writeClients('java', dir);
      const { stdout } = await run(dir, 'jar', ['tf', `target/ordermesh-clients-${version}.jar`]);
      expect(stdout.split('\n')).toEqual(
        expect.arrayContaining(['io/ordermesh/user/v1/UserServiceGrpc.class', 'io/ordermesh/calls/Calls.class']),
      );
    });

    it('writes a crate for Rust that compiles without a warning', async () => {
      const dir = join(folder.path, 'rust');
      await writeClients('rust', dir);
      await run(dir, 'cargo', ['check', '-q'], { RUSTFLAGS: '-D warnings' });
    });

    it('writes contracts from which protoc generates code with the commands of docs/contracts.md', async () => {
      await using clone = await freshClone();
      await run(clone.path, process.execPath, ['scripts/protos.ts']);
      const page = await readFile(join(clone.path, 'docs/contracts.md'), 'utf8');
      const commands = page.match(/^protoc .*--ruby_out.*$/gm) ?? [];
      expect(commands).toHaveLength(2);
      for (const command of commands) {
        await mkdir(join(clone.path, 'generated'));
        await run(clone.path, 'sh', ['-c', command.replace('protoc', join(root, '.tools/java-generators/protoc'))]);
        expect(await readdir(join(clone.path, 'generated/user/v1')), command).toContain('user_pb.rb');
        await rm(join(clone.path, 'generated'), { recursive: true });
      }
    });

    it.runIf(hasDotnet)('writes a project for C# that compiles', async () => {
      const dir = join(folder.path, 'csharp-compiled');
      await writeClients('csharp', dir);
      await run(dir, 'dotnet', ['build', '--nologo']);
    });
  });

  it('reports missing tools and how to install them, and keeps the clients that exist', async () => {
    await using clone = await freshClone();
    await mkdir(join(clone.path, 'gen/python'), { recursive: true });
    await writeFile(join(clone.path, 'gen/python/kept'), '');
    const failed = run(clone.path, process.execPath, ['scripts/clients/clients.ts', 'python']);
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^clients-python: .*\/python, .* not found: run `make deps-polyglot`\n$/),
    });
    expect(await readdir(join(clone.path, 'gen/python'))).toEqual(['kept']);
  });

  describe('on a machine with nothing but Node', () => {
    const remedies = {
      go: 'go, protoc-gen-go, protoc-gen-go-grpc not found: run `make deps-polyglot`',
      python: expect.stringMatching(/\/python, .* not found: run `make deps-polyglot`$/),
      java: 'mvn, javac not found: install Maven and a JDK, for example maven and openjdk-17-jdk-headless',
      rust: 'cargo not found: install Rust 1.88 or later, for example with rustup',
    };

    /** Runs `make` in a clone, where the path has only what every system has, and Node. */
    async function make(target: string) {
      const bin = await mkdtemp(join(folder.path, 'bin-'));
      const programs = ['make', 'sh', 'uname', 'env', 'tar', 'npm', 'node'];
      for (const name of programs) await symlink(await which(name), join(bin, name));
      const clone = await freshClone();
      const installed = ['-o', 'node_modules/.package-lock.json'];
      const made = await run(clone.path, 'make', [...installed, target], { PATH: bin, JAVA_HOME: '' }).catch(
        (error: { code: number; stdout: string; stderr: string }) => error,
      );
      const [printed = [], errors = []] = [made.stdout, made.stderr].map((text) => text.trimEnd().split('\n'));
      return { clone, code: 'code' in made ? made.code : 0, printed, errors };
    }

    it('writes those that need nothing else, and names the others at the end', { timeout: 120_000 }, async () => {
      const { clone, code, printed, errors } = await make('clients');
      await using _ = clone;
      expect(code, errors.join('\n')).toBe(0);
      for (const language of ['typescript', 'csharp']) {
        const done = printed.indexOf(`gen/${language}: clients for ${language}; see its README.md`);
        // Printed first, because some languages take minutes.
        expect(printed.slice(0, done)).toContain(`clients-${language}: generating`);
        const { mode } = await stat(join(clone.path, 'gen', language));
        expect(mode & 0o777).toBe(0o777 & ~process.umask());
      }
      const texts = Object.fromEntries(errors.slice(-4).map((line) => line.split(': left out: ')));
      expect(texts).toEqual(
        Object.fromEntries(Object.entries(remedies).map(([language, text]) => [`clients-${language}`, text])),
      );
    });

    it('fails if it is asked for one of the others', { timeout: 60_000 }, async () => {
      const { clone, code, errors } = await make('clients-rust');
      await using _ = clone;
      expect(code).toBe(2);
      expect(errors[0]).toBe(`clients-rust: ${remedies.rust}`);
    });
  });
});

describe('gen/ with clients in it', () => {
  it('is checked without them, and keeps them when it is generated again', { timeout: 120_000 }, async () => {
    await using clone = await freshClone();
    await mkdir(join(clone.path, 'gen/go'), { recursive: true });
    await writeFile(join(clone.path, 'gen/go/README.md'), '');
    await writeFile(join(clone.path, 'gen/ts/old.ts'), '');
    const generate = (...args: string[]) => run(clone.path, process.execPath, ['scripts/gen.ts', ...args]);
    await expect(generate('--check')).rejects.toMatchObject({
      stderr: expect.stringMatching(/result:\n {2}gen\/ts\/old.ts\n$/),
    });
    await generate();
    expect(await readdir(join(clone.path, 'gen/go'))).toEqual(['README.md']);
    expect(await readdir(join(clone.path, 'gen/ts'))).not.toContain('old.ts');
  });
});
