import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { startPostgres } from '../../mesh/testing/servers/postgres-server.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { packFile } from './packed-file.ts';

// Writes a kept data folder with the program of this checkout: node test/kept-data/write-kept-data.ts <folder>
const [target = ''] = process.argv.slice(2);
if (target === '') throw new Error('name the folder to write to: test/kept-data/<commit>');
await writeVariant(join(target, 'sqlite'), {}, join(target, 'stopped'));
await writeOnPostgres(join(target, 'postgres'));

async function writeOnPostgres(folder: string): Promise<void> {
  const server = await startPostgres();
  try {
    await writeVariant(folder, { DATABASE_URL: server.url('mesh_<service>') });
    const names = execFileSync(
      'psql',
      ['-XAt', '-c', "SELECT datname FROM pg_database WHERE datname LIKE 'mesh%' ORDER BY 1", server.url('postgres')],
      { encoding: 'utf8' },
    );
    const dumps = names
      .trim()
      .split('\n')
      .map((name) =>
        execFileSync('pg_dump', ['--create', '--no-owner', server.url(name)], { encoding: 'utf8', maxBuffer: 2 ** 28 }),
      );
    // Meta-commands that only psql of the same version supports.
    const sql = dumps.join('\n').replace(/^\\(un)?restrict .*\n/gm, '');
    await packFile(folder, 'databases.sql', Buffer.from(sql));
  } finally {
    await server.stop();
  }
}

/**
 * Some good days, which end by a drain, and a bad one, which ends by SIGKILL. The data folder as it lies there then goes
 * into `folder`, and as it lay there in between into `stopped`.
 */
async function writeVariant(
  folder: string,
  environment: Readonly<Record<string, string>>,
  stopped?: string,
): Promise<void> {
  await using scratch = await tempFolder();
  const dataDir = join(scratch.path, 'kept');
  const expectation = join(scratch.path, 'expected.json');
  await run(['good', expectation], { dataDir, environment });
  if (stopped !== undefined) await pack(stopped, dataDir, expectation);
  await using mailbox = await startUnwillingMailbox();
  await run(['bad', expectation], { dataDir, environment: { ...environment, MAIL_URL: mailbox.url } });
  await pack(folder, dataDir, expectation);
}

async function pack(folder: string, dataDir: string, expectation: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await packFile(folder, 'expected.json', await readFile(expectation));
  const sameForAll = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner'];
  const tar = execFileSync('tar', [...sameForAll, '-C', dataDir, '-cf', '-', '.'], { maxBuffer: 2 ** 28 });
  await packFile(folder, 'data.tar', tar);
}

async function run(
  args: readonly string[],
  options: { readonly dataDir: string; readonly environment: Readonly<Record<string, string>> },
): Promise<void> {
  await using spawned = spawnProcess({ ...options, main: 'test/kept-data/writing-main.ts', args });
  const { code, signal } = await spawned.ended;
  const asMeant = args[0] === 'good' ? code === 0 : signal === 'SIGKILL';
  if (!asMeant) throw new Error(`${args.join(' ')} ended with ${code ?? signal}:\n${spawned.stderr()}`);
}

/** A mail server that refuses Eve's mail permanently and all other mail temporarily. */
async function startUnwillingMailbox(): Promise<{ readonly url: string } & AsyncDisposable> {
  const mailbox = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onRcptTo({ address }, _session, done) {
      const forGood = address === 'eve@example.com';
      done(Object.assign(new Error(forGood ? 'no such mailbox' : 'try later'), { responseCode: forGood ? 550 : 451 }));
    },
  });
  mailbox.listen(0, '127.0.0.1');
  await once(mailbox.server, 'listening');
  const { port } = mailbox.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => mailbox.close(() => resolve())),
  };
}
