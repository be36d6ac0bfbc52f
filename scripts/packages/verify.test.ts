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
    await gift.run('ordermesh-generate', '--ops');
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
    const args = name === 'cli' ? ['node_modules/.bin/ordermesh', 'help'] : importing(`@ordermesh/${name}`);
    const [figures] = await reportFigures([{ project: empty, name: `@ordermesh/${name}`, args }]);
    expect(figures?.total).toBeLessThan(name === 'mesh' ? 80 : 20);
  });

  it('@ordermesh/grpc is smaller than nice-grpc and starts as fast', { timeout: 600_000 }, async () => {
    await using ours = await createProject({ dependencies: packages.tarball('grpc') });
    await using peer = await createProject({ dependencies: packages.versions('nice-grpc') });
    const [figures, ofPeer] = await reportFigures([
      { project: ours, name: '@ordermesh/grpc', args: importing('@ordermesh/grpc') },
      { project: peer, name: 'nice-grpc', args: importing('nice-grpc') },
    ]);
    // As the README of the package says.
    expect(figures).toMatchObject({ packages: 3 });
    expect(figures?.total).toBeLessThan(1);
    expect(ofPeer?.total).toBeGreaterThan(5);
    expect(ofPeer?.packages).toBeGreaterThan(20);
    // The least of ten still depends on what else the machine does: what is not allowed is a start that is clearly slower.
    expect(figures?.cpuMs).toBeLessThan((ofPeer?.cpuMs ?? 0) * 1.2);
  });
});

function importing(name: string): readonly string[] {
  return ['--input-type=module', '--eval', `await import('${name}')`];
}

/** A start of Node with these arguments in a project with a package. */
interface Start {
  readonly project: OutsideProject;
  readonly name: string;
  readonly args: readonly string[];
}

/**
 * Prints and returns, for each package, how many packages it installs, their size in megabytes, and the least that a start takes:
 * other programs on the machine only add to it. The starts alternate, so a load that comes or goes meets all of them.
 */
async function reportFigures(starts: readonly Start[]) {
  const count = 10;
  const times = starts.map((): { readonly cpuMs: number; readonly wallMs: number }[] => []);
  // The first round is left out: it reads the files from the disk.
  for (let round = 0; round <= count; round += 1)
    for (const [index, start] of starts.entries()) {
      const taken = await timeOf(start);
      if (round > 0) times[index]?.push(taken);
    }
  const figures = starts.map(async ({ project, name }, index) => {
    const [own, total] = await Promise.all([project.megabytesOf(`node_modules/${name}`), project.megabytesOf()]);
    const packages = await project.countPackages();
    const cpuMs = Math.min(...(times[index] ?? []).map(({ cpuMs }) => cpuMs));
    const wallMs = Math.min(...(times[index] ?? []).map(({ wallMs }) => wallMs));
    const sizes = `${own.toFixed(2)} MB, ${total.toFixed(1)} MB in ${packages} packages with its dependencies`;
    console.log(`${name}: ${sizes}; a start takes ${cpuMs} ms of processor time, ${wallMs} ms (best of ${count})`);
    return { packages, total, cpuMs };
  });
  return await Promise.all(figures);
}

async function timeOf({ project, args }: Start): Promise<{ readonly cpuMs: number; readonly wallMs: number }> {
  const line = await project.run(process.execPath, '--import', reportTimes, ...args);
  const [, cpuMs, wallMs] = /^times (\d+) (\d+)$/m.exec(line) ?? [];
  if (cpuMs === undefined) throw new Error(`a start printed no times: ${line}`);
  return { cpuMs: Number(cpuMs), wallMs: Number(wallMs) };
}

/** A module that prints what a process took, from its start to its end, in milliseconds. */
const reportTimes = `data:text/javascript,${encodeURIComponent(`process.once('exit', () => {
  const { user, system } = process.cpuUsage();
  console.log('\\ntimes ' + Math.round((user + system) / 1000) + ' ' + Math.round(performance.now()));
});`)}`;

/** The gift service with those that it calls: their sources import #mesh and #gen, so they need no change. */
async function copyGift(gift: OutsideProject): Promise<void> {
  for (const name of ['inventory', 'payment']) {
    await gift.copy(`proto/${name}`, `proto/${name}`);
    await gift.copy(`services/${name}`, `services/${name}`);
    await gift.run('sh', '-c', `find services/${name} -name '*.test.ts' -delete`);
  }
  await gift.write('services/ops/service.ts', "export { opsService } from '@ordermesh/mesh/ops';\n");
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
