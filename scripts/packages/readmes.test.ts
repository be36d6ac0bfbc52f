import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { createProject, type OutsideProject } from './outside-project.ts';
import { type PackedPackages, packPackages } from './packed.ts';
import { shownFile } from './shown-file.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** By `make verify-packages`. */
describe.skipIf(!process.env.VERIFY_PACKAGES)('what the READMEs of the packages show, copied', () => {
  let packages: PackedPackages;

  beforeAll(async () => {
    packages = await packPackages();
  }, 600_000);
  afterAll(() => packages[Symbol.asyncDispose]());

  it('type-checks and runs: @ordermesh/grpc', { timeout: 300_000 }, async () => {
    const readme = await readReadme('grpc');
    const port = await freePort();
    await using project = await createProject({
      dependencies: { ...packages.tarball('grpc'), ...packages.versions('@bufbuild/protobuf') },
      devDependencies: packages.versions('@bufbuild/buf', 'ts-proto', 'typescript', '@types/node'),
    });
    for (const file of ['tsconfig.json', 'hello.proto', 'buf.gen.yaml', 'server.ts', 'client.ts'])
      await project.write(file, shownFile(readme, file).replace('localhost:50051', `localhost:${port}`));
    await project.run('buf', 'generate', 'hello.proto');
    await project.run('tsc');
    await using server = spawnCommand({ command: [process.execPath, 'server.ts'], cwd: project.path });
    await server.printed(/^listens on port/m);
    expect(await project.run(process.execPath, 'client.ts')).toBe('Hello, Ada!\nGood day, Ada.\n1\n2\n3\n');
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it('generates, type-checks, passes its test and serves gRPC and HTTP: @ordermesh/mesh', {
    timeout: 600_000,
  }, async () => {
    const readme = await readReadme('mesh');
    await using project = await createNoteProject(readme);
    await project.run('ordermesh-generate');
    await project.run('tsc');
    expect(await project.run('vitest', 'run')).toMatch(/Tests .*2 passed/);
    await using mesh = startMain(project);
    const [, address = '', http] = await mesh.printed(/^ready grpc=(\S+) http=(\S+)/m);
    const created = await fetch(`http://${http}/api/notes`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"text": "milk"}',
    });
    const note = (await created.json()) as { readonly id: string };
    expect(note).toMatchObject({ text: 'milk' });
    expect(await (await fetch(`http://${http}/api/notes/${note.id}`)).json()).toEqual(note);
    expect(await (await fetch(`http://${http}/api/docs`)).text()).toContain(
      'SCARF_ANALYTICS=false npm install swagger-ui-dist',
    );
    expect(await project.run('ordermesh', '--version')).toMatch(/^ordermesh \d+\.\d+\.\d+\n$/);
    const get = ['call', 'note.v1.NoteService/GetNote', JSON.stringify({ id: note.id }), '--address', address];
    expect(await project.run('ordermesh', ...get)).toContain('milk');
    await expect(project.run('ordermesh', 'status', '--address', address)).rejects.toThrow(
      /does not serve ops\.v1\.StatusService.*add opsService of @ordermesh\/mesh\/ops/,
    );
    expect(await mesh.end('SIGTERM')).toEqual({ code: 0, signal: null });

    const withOps = shownFile(readme, 'services/main.ts').replace(/^await runApp.*$/m, '') + opsLines(readme);
    await project.write('services/main.ts', withOps);
    await expect(project.run(process.execPath, 'services/main.ts')).rejects.toThrow(
      'has no contracts of ops: run "npx ordermesh-generate --ops"',
    );
    await project.run('ordermesh-generate', '--ops');
    await project.run('tsc');
    await using watched = startMain(project);
    const [, watchedAddress = ''] = await watched.printed(/^ready grpc=(\S+)/m);
    expect(await project.run('ordermesh', 'status', '--address', watchedAddress)).toMatch(/services +.*\bops\b/);
    expect(await project.run('ordermesh', 'audit', '--address', watchedAddress)).toContain('0 findings');
  });

  /** The project of the README of `@ordermesh/mesh`, with `@ordermesh/cli`. */
  async function createNoteProject(readme: string): Promise<OutsideProject> {
    const { dependencies, ...manifest } = JSON.parse(shownFile(readme, 'package.json'));
    expect(Object.keys(dependencies)).toEqual(['@ordermesh/mesh']);
    const project = await createProject({
      ...manifest,
      dependencies: { ...packages.tarball('mesh'), ...packages.tarball('cli') },
    });
    for (const file of noteFiles) await project.write(file, shownFile(readme, file));
    return project;
  }
});

const noteFiles = [
  ...['tsconfig.json', 'proto/note/v1/note.proto', 'services/main.ts', 'services/note/migrations/0001-init.sql'],
  ...['store.ts', 'service.ts', 'service.test.ts'].map((file) => `services/note/${file}`),
];

function startMain({ path }: OutsideProject) {
  const environment = { GRPC_LISTEN: '127.0.0.1:0', HTTP_LISTEN: '127.0.0.1:0' };
  return spawnCommand({ command: [process.execPath, 'services/main.ts'], cwd: path, environment });
}

/** What the README of `@ordermesh/mesh` adds to `services/main.ts` for operators. */
function opsLines(readme: string): string {
  const [lines] = /(?<=```ts\n)import \{ opsService \}.*?(?=```)/s.exec(readme) ?? [];
  if (lines === undefined) throw new Error('the README does not show how to serve ops');
  return lines;
}

async function readReadme(name: string): Promise<string> {
  return await readFile(join(root, 'packages', name, 'README.md'), 'utf8');
}
