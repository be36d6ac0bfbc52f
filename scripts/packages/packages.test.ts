import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { opsService } from '../../services/ops/service.ts';
import { createWatchedService } from '../../services/ops/testing/watched-service.ts';
import { userService } from '../../services/user/service.ts';
import { type BuiltPackage, buildPackages } from './build.ts';
import { entriesOf, type Manifest, readManifest } from './manifest.ts';
import { filesOf, missingFiles } from './package-files.ts';

/** Makes a program believe that it runs on this Node. */
const olderNode = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"20.20.2"}})';
const root = fileURLToPath(new URL('../..', import.meta.url));

/** Packages whose programs a package runs. */
const programs: Readonly<Record<string, readonly string[]>> = { mesh: ['@bufbuild/buf'] };

describe('the packages', () => {
  let folder: string;
  let built: BuiltPackage[];
  let project: Manifest;

  beforeAll(async () => {
    // The compiler finds types in folders above it.
    await mkdir(join(root, 'dist'), { recursive: true });
    folder = await mkdtemp(join(root, 'dist/packages-test-'));
    built = await buildPackages(root, folder);
    project = await readManifest(root);
  }, 300_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Runs the same check on each package. Each result that is not empty is a problem. */
  async function problemsOf(find: (each: BuiltPackage) => Promise<string[]> | string[]): Promise<string[]> {
    const found = await Promise.all(
      built.map(async (each) => (await find(each)).map((problem) => `${each.name}: ${problem}`)),
    );
    return found.flat();
  }

  it('have the version, the licence and the engines of the repository', async () => {
    expect(built.map(({ name }) => name)).toEqual(expect.arrayContaining(['cli', 'mesh']));
    for (const { name, manifest } of built) {
      const { version, license, engines } = project;
      expect(manifest).toMatchObject({ name: `@ordermesh/${name}`, version, license, engines });
    }
  });

  it('depend on what they import, and on nothing else, in the versions of the repository', () => {
    const known = { ...project.dependencies, ...project.devDependencies };
    for (const { name, manifest, imports, typeImports } of built) {
      const { dependencies = {}, peerDependencies = {} } = manifest;
      // Declarations that are not in the package itself. @types/node is for the project to choose.
      const types = [...typeImports.keys()].map((id) => `@types/${id}`).filter((id) => Object.hasOwn(known, id));
      const used = [...imports.keys(), ...typeImports.keys(), ...types, ...(programs[name] ?? [])];
      const wanted = [...new Set(used)].filter((needed) => !needed.startsWith('node:')).map((id) => [id, known[id]]);
      const peers = Object.entries(peerDependencies).map(([id, range]) => [id, range.replace(/^\^/, '')]);
      const needs = { ...dependencies, ...Object.fromEntries(peers) };
      expect({ name, needs }).toEqual({ name, needs: Object.fromEntries(wanted) });
      // What only tests and generators need is installed by those who use them.
      const { devDependencies = {} } = project;
      const unneeded = Object.keys(dependencies).filter((id) => Object.hasOwn(devDependencies, id));
      expect(unneeded.filter((id) => !types.includes(id))).toEqual([]);
    }
  });

  it('accept other versions of what a project chooses itself, as npm refuses to install beside a version that differs', () =>
    expect(
      problemsOf(({ manifest: { peerDependencies = {} } }) =>
        Object.entries(peerDependencies).flatMap(([id, range]) => (range.startsWith('^') ? [] : [`${id} ${range}`])),
      ),
    ).resolves.toEqual([]));

  it('name the versions of the repository in the README of the runtime', async () => {
    const readme = await readFile(join(root, 'packages/mesh/README.md'), 'utf8');
    const [, shown = '{}'] = /```json\n(.*?)```/s.exec(readme) ?? [];
    const { dependencies, devDependencies }: Manifest = JSON.parse(shown);
    const known = { '@ordermesh/mesh': project.version, ...project.devDependencies, ...project.dependencies };
    expect(known).toMatchObject({ ...dependencies, ...devDependencies });
    expect(Object.keys(devDependencies ?? {})).toEqual(expect.arrayContaining(['ts-proto', 'nice-grpc']));
  });

  it('have the modules and declarations that they export', () =>
    expect(
      problemsOf(async ({ folder: at, manifest }) => await missingFiles(at, entriesOf(manifest))),
    ).resolves.toEqual([]));

  it('have a README and a licence, and no sources, tests or maps', () =>
    expect(
      problemsOf(async ({ folder: at }) => {
        const files = await filesOf(at);
        const odd = files.filter((file) => /(?<!\.d)\.ts$|\.test\.|\.suite\.|\.map$|^\.|node_modules/.test(file));
        return [...odd, ...(await missingFiles(at, ['README.md', 'LICENSE', 'package.json']))];
      }),
    ).resolves.toEqual([]));

  it('have the licence of contracts of third parties wherever code of these is', async () => {
    const compiled = await Promise.all(
      built.map(async ({ name, folder: at }) => {
        const files = await filesOf(at);
        const licensed = files.includes('LICENSE-third-party');
        // A bundle names the modules in it.
        const modules = files.filter((file) => file.endsWith('.js')).map((file) => readFile(join(at, file), 'utf8'));
        const named = (await Promise.all(modules)).flatMap((text) => text.match(/^\/\/ gen\/ts\/.*/gm) ?? []);
        const paths = [...files, ...named.map((comment) => comment.slice('// '.length))];
        return { name, licensed, has: paths.some((path) => /^gen\/ts\/(buf|google|grpc)\//.test(path)) };
      }),
    );
    expect(compiled.filter(({ licensed, has }) => licensed !== has)).toEqual([]);
    expect(compiled.filter(({ has }) => has).map(({ name }) => name)).toEqual(['cli', 'grpc', 'mesh']);
  });

  it('have one file of code for each entry point, and few shared ones, in the package that is bundled', async () => {
    const at = join(folder, 'grpc');
    const modules = (await filesOf(at)).filter((file) => file.endsWith('.js'));
    expect(modules).toEqual(expect.arrayContaining(['dist/index.js', 'dist/health.js', 'dist/reflection.js']));
    expect(modules.length).toBeLessThan(7);
    const [index, health, reflection] = await Promise.all(
      ['index', 'health', 'reflection'].map(async (name) => await import(join(at, `dist/${name}.js`))),
    );
    // What an editor shows, and what a stack trace names.
    expect(await readFile(join(at, 'dist/index.d.ts'), 'utf8')).toContain('interface of nice-grpc');
    const code = await readFile(join(at, 'dist/index.js'), 'utf8');
    expect(code).toContain('/** Creates a server.');
    // Node 20 has no such export, so its error would come before that of the check of its version.
    expect(code).not.toMatch(/import \{[^}]*\bgetCACertificates\b/);
    expect([index.createServer, health.addHealth, reflection.addReflection].map(({ name }) => name)).toEqual([
      'createServer',
      'addHealth',
      'addReflection',
    ]);
  });

  it.each(['mesh:.', 'mesh:./testing', 'mesh:./ops', 'grpc:.'])(
    'say on an older Node which one they need: %s',
    async (entry) => {
      const [name = '', key = ''] = entry.split(':');
      const target = built.find((each) => each.name === name)?.manifest.exports?.[key] as { readonly default: string };
      const run = promisify(execFile)(process.execPath, ['--import', olderNode, join(folder, name, target.default)]);
      await expect(run).rejects.toThrow(
        `@ordermesh/${name} needs Node ${project.engines.node.slice(2)} or later, this is 20`,
      );
    },
  );

  it('name commands that work outside of the repository', async () => {
    const program = [join(folder, 'cli/dist/ordermesh.js'), 'status', '--address', '127.0.0.1:1'];
    const run = promisify(execFile)(process.execPath, program);
    await expect(run).rejects.toMatchObject({
      code: 3,
      stderr: 'the mesh at 127.0.0.1:1 cannot be reached: check that it runs, or set --address\n',
    });
    expect(await filesOf(join(folder, 'cli'))).not.toContain('Makefile');
  });

  it('put such commands into texts of the mesh, and change no data of callers', { timeout: 60_000 }, async () => {
    const bank = createWatchedService('bank', []);
    bank.faults = [{ reason: 'ROW_DIFFERS', ids: [], message: 'run "make rebuild PROJECTION=rows"' }];
    const mesh = await startMesh([bank.definition, userService, opsService]);
    onTestFinished(() => mesh.stop());
    const program = join(folder, 'cli/dist/ordermesh.js');
    const run = async (...args: readonly string[]) =>
      await promisify(execFile)(process.execPath, [program, ...args, '--address', mesh.address]);
    const user = { id: 'ada', name: 'make status', email: 'ada@example.com', role: 'runs "make audit"' };
    const data = JSON.stringify({ user });
    const created = await run('call', 'user.v1.UserService/CreateUser', data, '--json');
    expect(JSON.parse(created.stdout)).toMatchObject(user);
    const finding = 'run "ordermesh rebuild rows"';
    await expect(run('audit', 'bank/accounts')).rejects.toMatchObject({ stdout: expect.stringContaining(finding) });
    const found = await run('audit', 'bank/accounts', '--json').catch(({ stdout }: { stdout: string }) => ({ stdout }));
    expect(JSON.parse(found.stdout.split('\n')[0] ?? '')).toMatchObject({ finding: { message: finding } });
    expect((await run('status')).stdout).toContain('none yet: "ordermesh audit" runs one now');
  });

  it('can be published only as they are built, not from their sources', async () => {
    const isPrivate = async (folder: string) => Object.hasOwn(await readManifest(folder), 'private');
    for (const { name, folder: at } of built) {
      const found = { name, source: await isPrivate(join(root, 'packages', name)), built: await isPrivate(at) };
      expect(found).toEqual({ name, source: true, built: false });
    }
  });

  it('import nothing from outside of themselves', () =>
    expect(
      problemsOf(async ({ folder: at }) => {
        const modules = (await filesOf(at)).filter((file) => /\.(js|d\.ts)$/.test(file));
        const missing = modules.map(async (file) => {
          const text = await readFile(join(at, file), 'utf8');
          const paths = [...text.matchAll(/(?:\bfrom|^import|\bimport\()\s*['"](\.[^'"\n]+|#[^'"\n]+)['"]/gm)];
          const targets = paths.map(([, path = '']) =>
            join(dirname(file), path).replace(/\.js$/, file.endsWith('.d.ts') ? '.d.ts' : '.js'),
          );
          return (await missingFiles(at, targets)).map((target) => `${file} imports ${target}`);
        });
        return (await Promise.all(missing)).flat();
      }),
    ).resolves.toEqual([]));

  it('generate code only to a folder that has nothing else', { timeout: 120_000 }, async () => {
    // Below the repository, for its npm packages.
    const cwd = join(folder, 'project');
    for (const path of ['proto/note/v1', 'src', 'empty']) await mkdir(join(cwd, path), { recursive: true });
    await writeFile(join(cwd, 'package.json'), '{ "type": "module" }');
    await writeFile(join(cwd, 'src/main.ts'), 'mine');
    await writeFile(join(cwd, 'proto/note/v1/note.proto'), note);
    await symlink('src', join(cwd, 'link'));
    const before = await filesOf(cwd);
    const env = { ...process.env, PATH: [join(root, 'node_modules/.bin'), process.env.PATH].join(delimiter) };
    const generate = async (...args: readonly string[]) =>
      await promisify(execFile)(process.execPath, [join(folder, 'mesh/dist/generate.js'), ...args], { cwd, env });
    for (const output of ['src', '.', 'link']) {
      await expect(generate('proto', output)).rejects.toThrow(/is unchanged: .* (another folder|name a folder)/);
      expect(await filesOf(cwd)).toEqual(before);
    }
    await generate('proto', 'empty');
    const generated = await filesOf(cwd);
    expect(generated).toEqual(
      expect.arrayContaining([...before, 'empty/descriptors.binpb', 'empty/ts/note/v1/note.ts']),
    );
    expect(generated.filter((file) => file.startsWith('empty/ts/ops/'))).toEqual([]);
    await generate('--ops', 'proto', 'with-ops');
    expect(await filesOf(join(cwd, 'with-ops'))).toContain('ts/ops/v1/status.contract.ts');
    await rm(join(cwd, 'with-ops'), { recursive: true });
    await expect(generate('--opps')).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--opps.*\nusage: /),
    });
    await writeFile(join(cwd, 'empty/ts/outdated.ts'), '');
    await generate('proto', 'empty');
    expect(await filesOf(cwd)).toEqual(generated);
  });
});

const note = `syntax = "proto3";
package note.v1;
service NoteService {
  rpc GetNote(GetNoteRequest) returns (Note);
}
message GetNoteRequest {
  string id = 1;
}
message Note {
  string id = 1;
}
`;
