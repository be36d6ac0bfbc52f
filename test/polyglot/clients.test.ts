import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { clientTools, writeClients } from '../../scripts/clients/clients.ts';
import { allServices } from '../../services/all.ts';
import { buildJavaClient, buildRustClient } from './support/compiled-clients.ts';
import { describeRoutes } from './support/routes.ts';
import { installTypeScriptClient } from './support/typescript-client.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The behaviours of the table in examples/clients/README.md. */
const page = await readFile(join(root, 'examples/clients/README.md'), 'utf8');
const behaviours = [...page.matchAll(/^\| `([a-z0-9-]+)` +\|/gm)].map(([, name]) => name);

interface Program {
  readonly language: string;
  /** Builds the program in a folder that has `gen/<language>` and `examples/clients/<language>`. Returns its command. */
  build(folder: string): Promise<readonly [string, ...string[]]>;
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
      const wheel = 'gen/python/dist/ordermesh-0.1.0-py3-none-any.whl';
      await run(grpcPythonPath, [...install, wheel], { cwd: folder });
      return [grpcPythonPath, join(folder, 'examples/clients/python/main.py')];
    },
  },
  {
    language: 'typescript',
    build: async (folder) => [process.execPath, join(await installTypeScriptClient(folder), 'main.ts')],
  },
];

/** They compile for minutes, so only `make verify-polyglot` does it. */
const compiledPrograms: readonly Program[] = [
  { language: 'java', build: buildJavaClient },
  { language: 'rust', build: buildRustClient },
];

const tested = process.env.VERIFY_POLYGLOT === '1' ? [...programs, ...compiledPrograms] : programs;

describe.each(tested)('the client in $language', ({ language, build }) => {
  describeWithServer(clientTools(language), 'with a running mesh', () => {
    let folder: TempFolder;
    let mesh: TestMesh;
    let command: readonly [string, ...string[]];

    beforeAll(async () => {
      folder = await tempFolder();
      await writeClients(language, join(folder.path, 'gen', language));
      const program = join('examples/clients', language);
      const isSource = (path: string) => basename(path) !== 'target';
      await cp(join(root, program), join(folder.path, program), { recursive: true, filter: isSource });
      command = await build(folder.path);
    }, 600_000);
    afterAll(() => folder[Symbol.asyncDispose]());

    // One for each run, because a run follows all events from the beginning: those of earlier runs would cut it more often.
    beforeEach(async () => {
      mesh = await startMesh(allServices);
    });
    afterEach(() => mesh.stop());

    function start(environment: Record<string, string>) {
      const [file, ...args] = command;
      const config = join(root, 'gen/service-config/ordermesh.json');
      return run(file, args, { env: { PATH: process.env.PATH, SERVICE_CONFIG: config, ...environment } });
    }

    describeRoutes((startRoute) => {
      it('has every behaviour of the table', { timeout: 120_000 }, async () => {
        // The listing is about twice as long, the events are more.
        await using route = await startRoute(mesh.address, 50_000);
        const { stdout } = await start({ ADDRESS: route.address, CUT_ADDRESS: route.cutAddress });
        expect(stdout.trim().split('\n')).toEqual(behaviours.map((name) => `ok ${name}`));
      });
    });

    it('reports behaviours that fail, and exits with 1', { timeout: 120_000 }, async () => {
      // Nothing is cut here.
      const failed = start({ ADDRESS: mesh.address, CUT_ADDRESS: mesh.address });
      await expect(failed).rejects.toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAILED list-resume: /m) });
    });
  });
});
