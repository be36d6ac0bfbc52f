import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Metadata } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { StatusServiceContract } from '#gen/ops/v1/status.contract.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type ProcessOptions, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** A secret for a setting, which no text that a process writes may have. Percent-encoded it differs. */
const secretOf = (name: string) => `canary/${name}`;
const inUrl = (name: string) => encodeURIComponent(secretOf(name));

/** A base64 of a text has one of these, wherever in it the secret begins. */
const inBase64 = [0, 1, 2].map((offset) => {
  const bytes = Buffer.from(`${'.'.repeat(offset)}canary/`);
  const clean = bytes.toString('base64').replace(/=+$/, '');
  return clean.slice(Math.ceil((offset * 8) / 6), -1);
});
const canary = new RegExp(`canary(?:/|%2F)|${inBase64.join('|')}`, 'i');

/** Servers that do not answer, each with a secret. */
const unreachable: Readonly<Record<string, string>> = {
  EVENTS_URL: `kafka+ssl://me:${inUrl('EVENTS')}@127.0.0.1:1?mechanism=plain`,
  TASKS_URL: `amqp://me:${inUrl('TASKS')}@127.0.0.1:1`,
  MAIL_URL: `smtps://me:${inUrl('MAIL')}@127.0.0.1:1`,
  DISCOVERY_URL: `eureka://me:${inUrl('DISCOVERY')}@127.0.0.1:1`,
};

/** Returns the names of the texts that have a secret. */
function leaks(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts).flatMap(([name, content]) => {
    const found = canary.exec(content);
    return found ? [`${name}: ${content.slice(Math.max(0, found.index - 80), found.index + 40)}`] : [];
  });
}

/** Returns the content of all files below a folder, as bytes in a text. */
async function filesIn(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
  return Object.fromEntries(
    await Promise.all(files.map(async (file) => [file, await readFile(file, 'latin1')] as const)),
  );
}

/** What `ordermesh status` prints. */
async function statusOf(address: string): Promise<string> {
  const command = ['scripts/ordermesh.ts', 'status', '--json', '--address', address];
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return out + err;
}

describe('the search for secrets', () => {
  it.each([
    secretOf('X'),
    inUrl('X'),
    ...['', 'a', 'me'].map((user) => Buffer.from(`${user}:${secretOf('X')}@h`).toString('base64')),
    ...['', 'a', 'me'].map((user) => Buffer.from(`${user}:${secretOf('X')}@h`).toString('base64url')),
  ])('finds %s', (content) => {
    expect(leaks({ content: `before ${content} after` })).toHaveLength(1);
  });
});

describe('the secrets of a process', () => {
  it.each(['variables', 'files'])('from %s are in nothing that it writes', { timeout: 120_000 }, async (from) => {
    await using folder = await tempFolder();
    const reports = join(folder.path, 'reports');
    await mkdir(reports);
    const metrics = `127.0.0.1:${await freePort()}`;
    const environment: Record<string, string> = {
      NODE_OPTIONS: `--report-on-signal --report-signal=SIGUSR2 --report-directory=${reports}`,
      METRICS_LISTEN: metrics,
      LOG_LEVEL: 'trace',
      DRAIN_TIMEOUT_MS: '2000',
    };
    for (const [variable, value] of Object.entries(unreachable)) {
      const file = join(folder.path, variable);
      if (from === 'files') await writeFile(file, value, { mode: 0o600 });
      environment[from === 'files' ? `${variable}_FILE` : variable] = from === 'files' ? file : value;
    }
    const dataDir = join(folder.path, 'data');
    await using mesh = await startProcess({ dataDir, args: ['notification', 'ops'], environment });
    const status = mesh.client(StatusServiceContract);
    const metadata = new Metadata({ authorization: `Bearer ${secretOf('TOKEN')}` });
    await status.getStatus({}, { metadata }).catch(() => undefined);
    for (const failure of ['Kafka', 'RabbitMQ', 'eureka'])
      await eventually(() => expect(mesh.stderr()).toMatch(new RegExp(failure, 'i')), { timeoutMs: 30_000 });
    mesh.child.kill('SIGUSR2');
    const [report = ''] = await eventually(
      async () => {
        const contents = Object.values(await filesIn(reports));
        expect(contents[0]).toMatch(/\}\s*$/);
        return contents;
      },
      { timeoutMs: 15_000 },
    );
    const texts = {
      report,
      'ordermesh status': await statusOf(mesh.address),
      metrics: await (await fetch(`http://${metrics}/metrics`)).text(),
      'process title': await readFile(`/proc/${mesh.child.pid}/comm`, 'latin1'),
      arguments: await readFile(`/proc/${mesh.child.pid}/cmdline`, 'latin1'),
    };
    await mesh.stop();
    expect(leaks({ ...texts, stdout: mesh.stdout(), stderr: mesh.stderr(), ...(await filesIn(dataDir)) })).toEqual([]);
    expect(JSON.parse(report)).not.toHaveProperty('environmentVariables');
  });

  /** What a process that cannot start writes. */
  async function refusal(options: Omit<ProcessOptions, 'dataDir'>): Promise<Record<string, string>> {
    await using folder = await tempFolder();
    await using spawned = spawnProcess({ dataDir: join(folder.path, 'data'), ...options });
    expect(await spawned.ended).toMatchObject({ code: 2 });
    return { stdout: spawned.stdout(), stderr: spawned.stderr() };
  }

  it('are not in the reasons why it does not start', { timeout: 120_000 }, async () => {
    const DATABASE_URL = `postgres://me:${inUrl('DATABASE')}@127.0.0.1:1/<service>`;
    const refused = await refusal({ args: ['user'], environment: { DATABASE_URL } });
    expect(refused.stderr).toContain('127.0.0.1:1');
    expect(leaks(refused)).toEqual([]);
    const names = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'CARRIER_URL', ...Object.keys(unreachable)];
    const invalid = Object.fromEntries(
      names.map((name) => [name, `nothing://me:${secretOf(name)}@host:x/?token=${inUrl(name)}`]),
    );
    const faults = await refusal({ environment: invalid });
    for (const name of names) expect(faults.stderr).toContain(name);
    expect(leaks(faults)).toEqual([]);
    const content = `-----BEGIN PRIVATE KEY-----\n${secretOf('KEY')}`;
    const variables = ['TLS_CERT', 'TLS_KEY', 'HTTP_TLS_KEY', 'MAIL_CA_FILE', 'DATABASE_URL_FILE'];
    const misplaced = await refusal({ environment: Object.fromEntries(variables.map((name) => [name, content])) });
    for (const name of variables) expect(misplaced.stderr).toContain(`${name} has the content of a file`);
    expect(leaks(misplaced)).toEqual([]);
  });
});
