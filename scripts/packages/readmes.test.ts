import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { createProject } from './outside-project.ts';
import { type PackedPackages, packPackages } from './packed.ts';
import { shownFile } from './shown-file.ts';

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
    expect(await project.run(process.execPath, 'client.ts')).toBe('Hello, Ada!\n1\n2\n3\n');
    expect(await server.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });
});

async function readReadme(name: string): Promise<string> {
  return await readFile(fileURLToPath(new URL(`../../packages/${name}/README.md`, import.meta.url)), 'utf8');
}
