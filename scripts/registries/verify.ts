import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { eureka } from '../../mesh/testing/servers/eureka.ts';
import { knot } from '../../mesh/testing/servers/knot.ts';
import { consulBuild, coreDnsBuild, etcdBuild, kubernetesBuild } from '../../mesh/testing/servers/registry-builds.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import {
  hasPassed,
  type PassedRegistry,
  passedFile,
  passedRegistries,
  passedRows,
} from '../support/passed-registries.ts';

// Runs the scenarios of discovery, and applies the manifests, on the servers that build.sh and deps.sh have installed: all, or
// those that the arguments name. Records which passed. Exits with 1 if one did not.

const root = fileURLToPath(new URL('../..', import.meta.url));

const verifications = [
  { name: 'knot', servers: [knot], tests: ['mesh/discovery/dns/dns-scenarios.test.ts'] },
  { name: 'eureka', servers: [eureka], tests: ['mesh/discovery/eureka/eureka-discovery.test.ts'] },
  { name: 'consul', servers: [consulBuild], tests: ['mesh/discovery/consul/consul-scenarios.test.ts'] },
  {
    name: 'kubernetes',
    servers: [kubernetesBuild, etcdBuild],
    // The manifests are applied to it too.
    tests: ['mesh/discovery/kubernetes/kubernetes-scenarios.test.ts', 'test/kubernetes/api-server.test.ts'],
  },
  {
    name: 'coredns',
    servers: [coreDnsBuild, kubernetesBuild],
    tests: ['mesh/discovery/kubernetes/coredns-scenarios.test.ts'],
  },
];

const wanted = process.argv.slice(2);
const names = verifications.map(({ name }) => name);
const unknown = wanted.find((name) => !names.includes(name));
if (unknown !== undefined) {
  console.error(`unknown registry ${unknown}: use ${names.join(', ')}`);
  process.exit(2);
}
const failed: string[] = [];
await using folder = await tempFolder();
for (const { name, servers, tests } of verifications) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const report = join(folder.path, `${name}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const command = ['scripts/registries/in-namespace.sh', 'vitest', 'run', ...tests, ...reporters];
  const environment = { ...process.env, VERIFY_REGISTRIES: '1' };
  const { status } = spawnSync('sh', command, { cwd: root, env: environment, stdio: 'inherit' });
  if (status === 0 && hasPassed(await readFile(report, 'utf8')))
    await record({ name, servers: servers.map(({ name, version }) => `${name} ${version}`), ...now() });
  else failed.push(name);
}
console.log(
  passedRows(await passedRegistries())
    .map((row) => `| ${row.join(' | ')} |`)
    .join('\n'),
);
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}

async function record(passed: PassedRegistry): Promise<void> {
  const others = (await passedRegistries()).filter(({ name }) => name !== passed.name);
  const all = [...others, passed].toSorted((a, b) => a.name.localeCompare(b.name));
  await writeFile(passedFile, `${JSON.stringify(all, undefined, 2)}\n`);
  // `make check` compares it with what the formatter would write.
  spawnSync('biome', ['format', '--write', passedFile], { cwd: root, stdio: 'inherit' });
}

/** The commit, with a + if something in the work tree differs from it, and the date. */
function now(): Pick<PassedRegistry, 'commit' | 'date'> {
  const git = (...args: readonly string[]) => spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
  const changes = git('status', '--porcelain')
    .split('\n')
    .filter((line) => line !== '' && !passedFile.endsWith(line.slice(3)));
  return {
    commit: `${git('rev-parse', '--short=8', 'HEAD')}${changes.length > 0 ? '+' : ''}`,
    date: new Date().toISOString().slice(0, 10),
  };
}
