import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { clientTools } from '../../scripts/clients/clients.ts';
import { readManifest } from '../../scripts/packages/manifest.ts';
import { type BuildClient, clientSuite } from './client.suite.ts';
import { installTypeScriptClient } from './support/typescript-client.ts';

const run = promisify(execFile);
const { version } = await readManifest(fileURLToPath(new URL('../..', import.meta.url)));

interface Program {
  readonly language: string;
  readonly build: BuildClient;
}

const programs: readonly Program[] = [
  {
    language: 'go',
    build: async (folder) => {
      const env = { ...process.env, GOFLAGS: '-mod=readonly', GOPROXY: 'off' };
      await run('go', ['build', '-o', 'program', '.'], { cwd: join(folder, 'examples/clients/go'), env });
      return [join(folder, 'examples/clients/go/program')];
    },
  },
  {
    language: 'python',
    build: async (folder) => {
      const install = ['-m', 'pip', 'install', '-q', '--no-index', '--no-deps', '--target', 'examples/clients/python'];
      const wheel = `gen/python/dist/ordermesh-${version}-py3-none-any.whl`;
      await run(grpcPythonPath, [...install, wheel], { cwd: folder });
      return [grpcPythonPath, join(folder, 'examples/clients/python/main.py')];
    },
  },
  {
    language: 'typescript',
    build: async (folder) => [process.execPath, join(await installTypeScriptClient(folder), 'main.ts')],
  },
];

describe.each(programs)('the client in $language', ({ language, build }) => {
  describeWithServer(clientTools(language), 'with a running mesh', () => clientSuite(language, build));
});
