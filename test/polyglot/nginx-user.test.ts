import { execFile } from 'node:child_process';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { grpcurl } from '../../mesh/testing/servers/go-tools.ts';
import { nginx } from '../../mesh/testing/servers/nginx.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { replaceOnce } from './support/example-proxies.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** Runs a command without the rights of root, if the tests have them. */
const unprivileged =
  process.getuid?.() === 0 ? ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'] : [];

describe('nginx as docs/proxies.md starts it without root', () => {
  const stack = new AsyncDisposableStack();
  let proxy: string;
  let mesh: TestMesh;

  const call = (method: string) =>
    promisify(execFile)(grpcurl.path, ['-plaintext', '-d', '{"role": "none"}', proxy, method]);

  beforeAll(async () => {
    proxy = `127.0.0.1:${await freePort()}`;
    mesh = await startMesh(allServices);
    const folder = stack.use(await tempFolder()).path;
    await chmod(folder, 0o755);
    const proxies = join(folder, 'examples/proxies');
    await cp(join(root, 'examples/proxies'), proxies, { recursive: true });
    const config = await readFile(join(proxies, 'nginx.conf'), 'utf8');
    const changed = replaceOnce(replaceOnce(config, '127.0.0.1:50050', proxy), '127.0.0.1:50051', mesh.address);
    await writeFile(join(proxies, 'nginx.conf'), changed);
    const [command = ''] = /^\/usr\/sbin\/nginx .*$/m.exec(await readFile(join(root, 'docs/proxies.md'), 'utf8')) ?? [];
    stack.use(
      spawnCommand({ command: [...unprivileged, 'bash', '-c', `exec ${command}`], cwd: folder, isGroup: true }),
    );
  });
  afterAll(() => stack.disposeAsync());

  describeWithServer(nginx, 'and called', () => {
    describeWithServer(grpcurl, 'by grpcurl', () => {
      it('passes calls, and is UNAVAILABLE if the mesh has stopped', async () => {
        await eventually(() => call('user.v1.UserService/ListUsers'));
        await mesh.stop();
        await expect(call('user.v1.UserService/ListUsers')).rejects.toThrow(
          /code = Unavailable desc = failed to query for service descriptor/,
        );
      });
    });
  });
});
