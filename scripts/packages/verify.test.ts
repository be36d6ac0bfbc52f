import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { createProject, type OutsideProject, strictConfig } from './outside-project.ts';
import { type PackedPackages, packPackages } from './packed.ts';

/** By `make verify-packages`, as it takes minutes. */
describe.skipIf(!process.env.VERIFY_PACKAGES)('the packages, outside of the repository', () => {
  let packages: PackedPackages;

  beforeAll(async () => {
    packages = await packPackages();
  }, 600_000);
  afterAll(() => packages[Symbol.asyncDispose]());

  it('@ordermesh/mesh runs the gift service, and @ordermesh/cli calls it', { timeout: 1_200_000 }, async () => {
    await using gift = await createProject({
      imports: { '#mesh': '@ordermesh/mesh', '#mesh/testing': '@ordermesh/mesh/testing', '#gen/*': './gen/ts/*' },
      dependencies: { ...packages.tarball('mesh'), ...packages.tarball('cli') },
      devDependencies: packages.versions(
        ...['@bufbuild/buf', '@bufbuild/protoplugin', '@bufbuild/protovalidate', '@types/node'],
        ...['nice-grpc', 'ts-proto', 'typescript', 'vitest'],
      ),
    });
    await copyGift(gift);
    const early = gift.run(process.execPath, '--eval', "import('@ordermesh/mesh').then(({ runApp }) => runApp([]))");
    await expect(early).rejects.toThrow(
      /cannot start: .*\/gen\/descriptors.binpb: is missing.* run "npx ordermesh-generate"/,
    );
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

  it.each(['cli', 'mesh'])('@ordermesh/%s is small and starts fast', { timeout: 600_000 }, async (name) => {
    await using empty = await createProject({ dependencies: packages.tarball(name) });
    const start = name === 'cli' ? ['node_modules/.bin/ordermesh', 'help'] : importing(`@ordermesh/${name}`);
    const { total } = await reportFigures(empty, `@ordermesh/${name}`, start);
    expect(total).toBeLessThan(name === 'mesh' ? 80 : 20);
  });

  it('@ordermesh/grpc is smaller than nice-grpc and starts faster', { timeout: 600_000 }, async () => {
    await using ours = await createProject({ dependencies: packages.tarball('grpc') });
    await using peer = await createProject({ dependencies: packages.versions('nice-grpc') });
    const figures = await reportFigures(ours, '@ordermesh/grpc', importing('@ordermesh/grpc'));
    const ofPeer = await reportFigures(peer, 'nice-grpc', importing('nice-grpc'));
    expect(figures.total).toBeLessThan(ofPeer.total);
    expect(figures.cpuMs).toBeLessThan(ofPeer.cpuMs);
  });
});

function importing(name: string): readonly string[] {
  return ['--input-type=module', '--eval', `await import('${name}')`];
}

/** Prints and returns the installed size of a package, with its dependencies in megabytes, and what a start costs. */
async function reportFigures(project: OutsideProject, name: string, start: readonly string[]) {
  const [own, total] = await Promise.all([project.megabytesOf(`node_modules/${name}`), project.megabytesOf()]);
  const { count, cpuMs, wallMs } = await startTimes(project, start);
  const sizes = `${own.toFixed(2)} MB, ${total.toFixed(1)} MB with dependencies`;
  console.log(`${name}: ${sizes}; a start takes ${cpuMs} ms of processor time, ${wallMs} ms (best of ${count})`);
  return { total, cpuMs };
}

/** The least that a start of Node with these arguments takes: other programs on the machine only add to it. */
async function startTimes(project: OutsideProject, args: readonly string[]) {
  const count = 10;
  const times: { readonly cpuMs: number; readonly wallMs: number }[] = [];
  // The first start is left out: it reads the files from the disk.
  for (let run = 0; run <= count; run += 1) {
    const line = await project.run(process.execPath, '--import', reportTimes, ...args);
    const [, cpuMs, wallMs] = /^times (\d+) (\d+)$/m.exec(line) ?? [];
    if (run > 0) times.push({ cpuMs: Number(cpuMs), wallMs: Number(wallMs) });
  }
  return {
    count,
    cpuMs: Math.min(...times.map(({ cpuMs }) => cpuMs)),
    wallMs: Math.min(...times.map(({ wallMs }) => wallMs)),
  };
}

/** A module that prints what a process took, from its start to its end, in milliseconds. */
const reportTimes = `data:text/javascript,${encodeURIComponent(`process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  console.log('\\ntimes ' + Math.round((user + system) / 1000) + ' ' + Math.round(performance.now()));
});`)}`;

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
