import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { buildPackages } from './build.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { createProject, type OutsideProject, strictConfig } from './outside-project.ts';
import { pack } from './pack.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** By `make verify-packages`, as it takes minutes. */
describe.skipIf(!process.env.VERIFY_PACKAGES)('the packages, outside of the repository', () => {
  let folder: string;
  /** The tarballs, by name of the package. */
  let tarballs: Readonly<Record<string, string>>;
  let project: Manifest;

  beforeAll(async () => {
    await mkdir(join(root, 'dist'), { recursive: true });
    folder = await mkdtemp(join(root, 'dist/packages-verify-'));
    const built = await buildPackages(root, folder);
    const packed = built.map(async (each) => [each.manifest.name, `file:${(await pack(each, folder)).file}`]);
    tarballs = Object.fromEntries(await Promise.all(packed));
    project = await readManifest(root);
  }, 600_000);
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const tarball = (name: string) => ({ [name]: tarballs[name] });
  const versions = (...names: string[]) => {
    const all = { ...project.devDependencies, ...project.dependencies };
    return Object.fromEntries(names.map((name) => [name, all[name]]));
  };

  it('@ordermesh/mesh runs the gift service, and @ordermesh/cli calls it', { timeout: 1_200_000 }, async () => {
    await using gift = await createProject({
      imports: { '#mesh': '@ordermesh/mesh', '#mesh/testing': '@ordermesh/mesh/testing', '#gen/*': './gen/ts/*' },
      dependencies: { ...tarball('@ordermesh/mesh'), ...tarball('@ordermesh/cli') },
      devDependencies: versions(
        ...['@bufbuild/buf', '@bufbuild/protoplugin', '@bufbuild/protovalidate', '@types/node'],
        ...['nice-grpc', 'ts-proto', 'typescript', 'vitest'],
      ),
    });
    await copyGift(gift);
    await gift.run('ordermesh-generate');
    await gift.write('tsconfig.json', await strictConfig());
    await gift.run('tsc', '--noEmit');
    const report = await gift.run('vitest', 'run', '--testTimeout=30000', '--hookTimeout=60000');
    expect(report).toContain('services/gift/gift-service.test.ts');
    expect(report).toMatch(/Tests .*\d+ passed/);

    await using mesh = startMain(gift);
    const [, address = ''] = await mesh.printed(/^ready grpc=(\S+)/m);
    expect(await gift.run('ordermesh', 'list', '--address', address)).toContain('gift.v1.GiftService');
    const data = JSON.stringify({ senderId: 'ada' });
    await gift.run('ordermesh', 'call', 'gift.v1.GiftService/ListGifts', data, '--address', address);
    const refused = gift.run('ordermesh', 'call', 'gift.v1.GiftService/GetGift', '{"id": "no"}', '--address', address);
    await expect(refused).rejects.toThrow('INVALID_ARGUMENT');
    expect(await mesh.end('SIGTERM')).toEqual({ code: 0, signal: null });
  });

  it.each(['@ordermesh/cli', '@ordermesh/grpc', '@ordermesh/mesh'])(
    '%s is small and starts fast',
    { timeout: 600_000 },
    async (name) => {
      await using empty = await createProject({ dependencies: tarball(name) });
      const start = name === '@ordermesh/cli' ? ['ordermesh', 'help'] : ['node', '-e', `import('${name}')`];
      const [command = '', ...args] = start;
      await empty.run(command, ...args);
      const before = performance.now();
      await empty.run(command, ...args);
      const tookMs = Math.round(performance.now() - before);
      const megabytes = await empty.installedMegabytes();
      console.log(`${name}: ${megabytes} MB installed, "${start.join(' ')}" takes ${tookMs} ms`);
      expect(megabytes).toBeLessThan(name === '@ordermesh/mesh' ? 80 : 20);
    },
  );
});

/** The gift service with those that it calls: their sources import #mesh and #gen, so they need no change. */
async function copyGift(gift: OutsideProject): Promise<void> {
  for (const name of ['inventory', 'payment', 'ops']) {
    await gift.copy(`proto/${name}`, `proto/${name}`);
    await gift.copy(`services/${name}`, `services/${name}`);
    await gift.run('sh', '-c', `find services/${name} -name '*.test.ts' -delete`);
  }
  // The audits of ops compare with orders.
  await gift.copy('proto/order', 'proto/order');
  await gift.copy('services/edge', 'services/edge');
  await gift.run('sh', '-c', "find services/edge -name '*.test.ts' -delete");
  await gift.copy('examples/gift', '.');
  await gift.run('git', 'apply', 'contracts.patch');
  await gift.write('services/main.ts', main);
}

const main = `import { runApp } from '#mesh';
import { giftService } from './gift/service.ts';
import { inventoryService } from './inventory/service.ts';
import { paymentService } from './payment/service.ts';

await runApp([inventoryService, paymentService, giftService]);
`;

function startMain(gift: OutsideProject) {
  const listen = { GRPC_LISTEN: '127.0.0.1:0', HTTP_LISTEN: 'off' };
  return spawnCommand({ command: [process.execPath, 'services/main.ts'], cwd: gift.path, environment: listen });
}
