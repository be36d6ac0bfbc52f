import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { engineNames } from '../../mesh/engines/engines.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { grpcGoRestart } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython, grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer, type TestServer } from '../../mesh/testing/servers/servers.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

/** `make conformance` has ten. */
const restarts = Number(process.env.RESTARTS ?? 3);
const userCount = 200;

/** What a client observed during all restarts. */
interface Seen {
  readonly calls: number;
  readonly streams: number;
  readonly failures: readonly string[];
}

const fileOf = (name: string) => fileURLToPath(new URL(`restart/${name}`, import.meta.url));
const ownClient = (kind: string) => [process.execPath, fileOf('restart-client.ts'), kind];
const node: TestServer = { name: 'Node', version: process.version };

const clients: readonly (readonly [name: string, command: readonly string[], needs: TestServer])[] = [
  ['grpcio', [grpcPythonPath, fileOf('restart_client.py')], grpcPython],
  ['grpc-go', [grpcGoRestart.path], grpcGoRestart],
  ['grpc-js', ownClient('library'), node],
  ['our transport on native', ownClient('native'), node],
  ['our transport on grpc-js', ownClient('grpc-js'), node],
];

/** Starts a client that calls `address` continuously. */
function startClient([file = '', ...args]: readonly string[], address: string) {
  const child = spawn(file, [...args, address], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return {
    progress: () => output.split('\n').length,
    async end(): Promise<Seen> {
      child.stdin.end();
      await once(child, 'close');
      return JSON.parse(output.trim().split('\n').at(-1) ?? '');
    },
  };
}

async function* users() {
  for (let index = 0; index < userCount; index += 1) {
    yield { user: { id: `u${index}`, name: `User ${index}`, email: `u${index}@example.com` } };
  }
}

describe.each(engineNames)(`a server on %s that restarts ${restarts} times`, (engine) => {
  describe.each(clients)('called by %s', (_, command, needs) => {
    describeWithServer(needs, 'without a pause', () => {
      it('fails no call and no stream', { timeout: 120_000 }, async () => {
        await using folder = await tempFolder();
        const address = `127.0.0.1:${await freePort()}`;
        const environment = { GRPC_ENGINE: engine, GRPC_LISTEN: address, LOG_LEVEL: 'fatal' };
        const start = () => startProcess({ dataDir: folder.path, args: ['user'], environment });
        let mesh = await start();
        // Also if an expectation fails.
        onTestFinished(() => mesh[Symbol.asyncDispose]());
        await mesh.client(UserServiceContract).importUsers(users());
        const client = startClient(command, address);
        for (let restart = 0; restart < restarts; restart += 1) {
          const before = client.progress();
          await eventually(() => expect(client.progress()).toBeGreaterThan(before + 2));
          expect(await mesh.stop()).toEqual({ code: 0, signal: null });
          mesh = await start();
        }
        const seen = await client.end();
        await mesh[Symbol.asyncDispose]();
        expect(seen.failures).toEqual([]);
        expect(seen.calls).toBeGreaterThan(restarts * 10);
        expect(seen.streams).toBeGreaterThan(restarts);
      });
    });
  });
});
