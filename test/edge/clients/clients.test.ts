import { execFile } from 'node:child_process';
import { copyFile, symlink } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  openApiNodeModules,
  openApiPythonBin,
  openApiPythonClient,
  openApiTypeScript,
} from '../../../mesh/testing/servers/openapi-tools.ts';
import { describeWithServer } from '../../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { allServices } from '../../../services/all.ts';

const document = fileURLToPath(new URL('../../../gen/openapi.json', import.meta.url));
const sources = fileURLToPath(new URL('.', import.meta.url));
const programs = [openApiPythonBin, join(openApiNodeModules, '.bin')];

/** Runs a program in a folder; resolves with what it prints. Rejects with that if it fails. */
async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const path = [...programs, process.env.PATH].join(delimiter);
  const { stdout } = await promisify(execFile)(program, args, { cwd, env: { ...process.env, PATH: path } }).catch(
    ({ message, stdout }) => Promise.reject(new Error(`${message}\n${stdout}`)),
  );
  return stdout;
}

/** What the programs print about the user that they create. */
function seenBy(id: string, name: string) {
  return {
    user: { id, name, email: `${id}@example.com`, role: '', etag: '1' },
    isSame: true,
    order: { state: 'ORDER_STATE_PENDING', total: { currencyCode: 'USD', minorUnits: '2500' }, items: 1 },
    users: [id],
    problem: { status: 404, reason: 'ORDER_NOT_FOUND' },
  };
}

let mesh: TestMesh;
let stack: AsyncDisposableStack;
const start = async () => {
  stack = new AsyncDisposableStack();
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  stack.defer(() => mesh.stop());
};

describeWithServer(openApiTypeScript, 'a client that openapi-typescript generates', () => {
  let folder: string;

  beforeAll(async () => {
    await start();
    folder = stack.use(await tempFolder()).path;
    await symlink(openApiNodeModules, join(folder, 'node_modules'));
    for (const file of ['call.ts', 'tsconfig.json', 'package.json']) {
      await copyFile(join(sources, 'typescript', file), join(folder, file));
    }
    await run(folder, 'openapi-typescript', document, '--output', 'api.ts');
  });
  afterAll(() => stack.disposeAsync());

  it('refuses wrong calls when it is compiled', { timeout: 120_000 }, async () => {
    await run(folder, 'tsc', '--project', folder);
  });

  it('creates, orders, lists and reads a problem', async () => {
    const output = await run(folder, process.execPath, 'call.ts', `http://${mesh.httpAddress}`);
    expect(JSON.parse(output)).toMatchObject(seenBy('tess', 'Tess'));
  });
});

describeWithServer(openApiPythonClient, 'a client that openapi-python-client generates', () => {
  let folder: string;
  let warnings: string;

  beforeAll(async () => {
    await start();
    folder = stack.use(await tempFolder()).path;
    await copyFile(join(sources, 'python/call.py'), join(folder, 'call.py'));
    const generate = ['generate', '--path', document, '--meta', 'none', '--output-path', 'ordermesh_api'];
    warnings = await run(folder, 'openapi-python-client', ...generate);
  }, 120_000);
  afterAll(() => stack.disposeAsync());

  it('is complete', () => {
    expect(warnings.trim()).toBe('Generating ordermesh_api');
  });

  it('has the types that a program expects', { timeout: 120_000 }, async () => {
    expect(await run(folder, 'mypy', '--strict', '--follow-imports=silent', 'call.py')).toMatch(/^Success/);
  });

  it('creates, orders, lists and reads a problem', async () => {
    const output = await run(folder, 'python', 'call.py', `http://${mesh.httpAddress}`);
    expect(JSON.parse(output)).toMatchObject(seenBy('pia', 'Pia'));
  });
});
