import { execFile } from 'node:child_process';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { writeClients } from '../../scripts/clients/clients.ts';
import { allServices } from '../../services/all.ts';
import { describeRoutes } from './support/routes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The behaviours of the table in examples/clients/README.md. */
const page = await readFile(join(root, 'examples/clients/README.md'), 'utf8');
const behaviours = [...page.matchAll(/^\| `([a-z0-9-]+)` +\|/gm)].map(([, name]) => name);

/** Builds a program in a folder that has `gen/<language>` and `examples/clients/<language>`. Returns its command. */
export type BuildClient = (folder: string) => Promise<readonly [string, ...string[]]>;

/** What the program in `examples/clients/<language>` must do. */
export function clientSuite(language: string, build: BuildClient): void {
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
      const ended = start({ ADDRESS: route.address, CUT_ADDRESS: route.cutAddress });
      // If it fails, its output says why.
      const { stdout } = await ended.catch((error: { stdout: string }) => error);
      expect(stdout.trim().split('\n')).toEqual(behaviours.map((name) => `ok ${name}`));
    });
  });

  it('gives up where nothing listens', { timeout: 120_000 }, async () => {
    const failed = start({ ADDRESS: mesh.address, CUT_ADDRESS: `127.0.0.1:${await freePort()}` });
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED list-resume: .*^FAILED subscribe-resume: /ms),
    });
  });

  it('reports behaviours that fail, and exits with 1', { timeout: 120_000 }, async () => {
    // Nothing is cut here.
    const failed = start({ ADDRESS: mesh.address, CUT_ADDRESS: mesh.address });
    await expect(failed).rejects.toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAILED list-resume: /m) });
  });
}
