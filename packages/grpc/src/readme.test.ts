import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { shownFile } from '../../../scripts/packages/shown-file.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const files = ['hello.proto', 'buf.gen.yaml', 'server.ts', 'client.ts'];

it('shows a server and a client that work when copied', { timeout: 60_000 }, async () => {
  await using folder = await tempFolder();
  const readme = await readFile(join(here, '../README.md'), 'utf8');
  const port = await freePort();
  for (const file of files) {
    const text = shownFile(readme, file).replace('localhost:50051', `localhost:${port}`).replace('10_000', '200');
    const local = text.replace(
      /'@ordermesh\/grpc(?:\/(\w+))?'/g,
      (_, module = 'index') => `'${join(here, module)}.ts'`,
    );
    await writeFile(join(folder.path, file), local);
  }
  await writeFile(join(folder.path, 'package.json'), '{ "type": "module" }');
  await symlink(join(root, 'node_modules'), join(folder.path, 'node_modules'));
  const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` };
  await promisify(execFile)('buf', ['generate', 'hello.proto'], { cwd: folder.path, env });

  const server = spawn(process.execPath, ['server.ts'], { cwd: folder.path, stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void server.kill('SIGKILL'));
  expect(await firstLine(server)).toBe(`listens on port ${port}`);
  const { stdout } = await promisify(execFile)(process.execPath, ['client.ts'], { cwd: folder.path });
  expect(stdout).toBe('Hello, Ada!\nGood day, Ada.\n1\n2\n3\n');

  await writeFile(join(folder.path, 'endless.ts'), endless(port));
  const stuck = spawn(process.execPath, ['endless.ts'], { cwd: folder.path, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void stuck.kill('SIGKILL'));
  expect(await firstLine(stuck)).toBe('counts');
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  expect(await ended).toBe(0);
});

/** A client that keeps a stream open. */
const endless = (port: number) => `import { createChannel, createClient } from '${join(here, 'index.ts')}';
import { GreeterDefinition } from './hello.ts';

const greeter = createClient(GreeterDefinition, createChannel('localhost:${port}'));
for await (const { number } of greeter.count({ to: 2_147_483_647 })) if (number === 1) console.log('counts');
`;

async function firstLine({ stdout }: ChildProcess): Promise<string | undefined> {
  if (stdout) for await (const line of createInterface(stdout)) return line;
  return undefined;
}
