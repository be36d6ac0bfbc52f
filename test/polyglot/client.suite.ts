import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Metadata, status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { startPeerServer } from '../../mesh/client/testing/peer.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { writeClients } from '../../scripts/clients/clients.ts';
import { allServices } from '../../services/all.ts';
import { describeRoutes } from './support/routes.ts';
import { startSecuredMesh } from './support/secured-mesh.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);

/** The behaviours of the first table in examples/clients/README.md. */
const credentialsHeading = '## With a certificate and a token';
const page = await readFile(join(root, 'examples/clients/README.md'), 'utf8');
const behaviours = behavioursIn(page.split(credentialsHeading)[0] ?? '');

function behavioursIn(text: string): readonly (string | undefined)[] {
  return [...text.matchAll(/^\| `([a-z0-9-]+)` +\|/gm)].map(([, name]) => name);
}

/** Builds a program in a folder that has `gen/<language>` and `examples/clients/<language>`. Returns its command. */
export type BuildClient = (folder: string) => Promise<readonly [string, ...string[]]>;

/**
 * What the program in `examples/clients/<language>` must do. `showsCredentials`: whether it has the second
 * table of the page.
 */
export function clientSuite(language: string, build: BuildClient, showsCredentials = true): void {
  const credentialBehaviours = showsCredentials ? behavioursIn(page.split(credentialsHeading)[1] ?? '') : undefined;
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

  function start(environment: Readonly<Record<string, string>>, ...more: readonly string[]) {
    const [file, ...args] = command;
    const config = join(root, 'gen/service-config/ordermesh.json');
    const env = { PATH: process.env.PATH, SERVICE_CONFIG: config, ...environment };
    return run(file, [...args, ...more], { env, timeout: 100_000, killSignal: 'SIGKILL' });
  }

  describeRoutes((startRoute) => {
    it('has every behaviour of the table', { timeout: 120_000 }, async () => {
      // The listing is about twice as long, the events are more.
      await using route = await startRoute(mesh.address, 50_000);
      const ended = start({ ADDRESS: route.address, CUT_ADDRESS: route.cutAddress });
      // The next behaviour after `cancel`: by then, the program has sent the cancellation.
      const cancelled = pauseAfter('ok health', ended.child, () => waitUntilNoneFollows(mesh));
      // If it fails, its output says why.
      const [{ stdout }] = await Promise.all([ended.catch((error: { stdout: string }) => error), cancelled]);
      expect(stdout.trim().split('\n')).toEqual(behaviours.map((name) => `ok ${name}`));
    });
  });

  it.runIf(credentialBehaviours !== undefined)(
    'calls a mesh that asks who calls, with a certificate and a token',
    { timeout: 120_000 },
    async () => {
      await using secured = await startSecuredMesh();
      const { stdout } = await start(secured.environment, 'credentials').catch((error: { stdout: string }) => error);
      expect(stdout.trim().split('\n')).toEqual(credentialBehaviours?.map((name) => `ok ${name}`));
    },
  );

  it('gives up where nothing listens', { timeout: 120_000 }, async () => {
    const failed = start({ ADDRESS: mesh.address, CUT_ADDRESS: `127.0.0.1:${await freePort()}` });
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED list-resume: .*^FAILED subscribe-resume: /ms),
    });
  });

  it('reports the error of a call whose details cannot be read', { timeout: 120_000 }, async () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0xff]));
    const server = await startPeerServer({
      getUser: (_call, respond) => respond({ code: status.NOT_FOUND, details: 'no such user', metadata }),
    });
    onTestFinished(() => server.stop());
    const failed = start({ ADDRESS: `127.0.0.1:${server.port}` });
    await expect(failed).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^FAILED error-info: .*no such user/m),
    });
  });

  it('reports behaviours that fail, and exits with 1', { timeout: 120_000 }, async () => {
    // Nothing is cut here.
    const failed = start({ ADDRESS: mesh.address, CUT_ADDRESS: mesh.address });
    await expect(failed).rejects.toMatchObject({ code: 1, stdout: expect.stringMatching(/^FAILED list-resume: /m) });
  });
}

/**
 * Stops a program when it has printed `line`, so it makes no further call and its connections stay open, and lets it continue
 * after `check`.
 */
async function pauseAfter(line: string, program: ChildProcess, check: () => Promise<void>): Promise<void> {
  const printed = new Promise<true>((resolve) => {
    let output = '';
    program.stdout?.on('data', (text: string) => {
      if (output.includes(line)) return;
      output += text;
      if (output.includes(line) && program.kill('SIGSTOP')) resolve(true);
    });
  });
  const ended = once(program, 'close').then(() => false);
  if (!(await Promise.race([printed, ended]))) return;
  try {
    await check();
  } finally {
    program.kill('SIGCONT');
  }
}

/** Waits until the mesh serves no stream of events. */
async function waitUntilNoneFollows({ runtime }: TestMesh): Promise<void> {
  await eventually(async () => {
    const { text } = await runtime.metrics.scrape();
    expect(text).toContain('\nordermesh_calls_streams{contract="events.v1.EventService"} 0\n');
  });
}
