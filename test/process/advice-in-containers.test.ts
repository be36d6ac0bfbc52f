import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Keeps the code in the folder where the image has it. */
const here = ['--preserve-symlinks', '--preserve-symlinks-main'];

/** Makes a folder that has what the image has: no Makefile. Returns how to start the service `user` in it. */
async function prepareImage() {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  for (const path of ['gen', 'mesh', 'node_modules', 'package.json', 'services'])
    await symlink(join(root, path), join(folder.path, path));
  const dataDir = join(folder.path, 'data');
  const listen = { GRPC_LISTEN: '127.0.0.1:0', HTTP_LISTEN: 'off' };
  const start = (settings: Readonly<Record<string, string>> = {}) =>
    spawnCommand({
      command: [process.execPath, ...here, 'services/main.ts', 'user'],
      cwd: folder.path,
      environment: { DATA_DIR: dataDir, ...listen, ...settings },
    });
  return { dataDir, start };
}

describe('what a process of the image advises', () => {
  it('names commands of the image, in its log', async () => {
    const { dataDir, start } = await prepareImage();
    await using first = start();
    await first.printed(/^ready /m);
    await first.end('SIGTERM');
    await rm(join(dataDir, 'manifest.json'));
    await using second = start();
    await second.printed(/^ready /m);
    await second.end('SIGTERM');
    expect(second.stdout() + second.stderr()).toMatch(/no manifest\.json.*\\"ordermesh audit\\" reports/);
  });

  it('names no command of the repository, when it refuses to start', async () => {
    const { start } = await prepareImage();
    await using refused = start({ GRPC_LISTEN: '0.0.0.0:0' });
    expect(await refused.ended).toMatchObject({ code: 2 });
    expect(refused.stderr()).toMatch(/set TLS_CERT.* \(docs\/security\.md\), or set ALLOW_INSECURE/);
  });
});
