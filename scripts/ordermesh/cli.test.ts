import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { opsService } from '../../services/ops/service.ts';
import { createReaderService } from '../../services/ops/testing/reader-service.ts';
import { spawnTool, unusedAddress } from './testing/spawn-tool.ts';

describe('ordermesh', () => {
  const run = async (command: string, ...args: string[]) => spawnTool(command, await unusedAddress(), args);

  it.each([
    ['nope', []],
    ['help', ['nope']],
  ])('refuses an unknown command: %s %j', async (command, args) => {
    const { code, lines, errors } = await run(command, ...args);
    expect({ code, lines }).toEqual({ code: 2, lines: [''] });
    expect(errors).toMatch(/^unknown command nope\n\nordermesh <command>: /);
  });

  it('shows its version', async () => {
    const { code, lines } = await run('--version');
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    expect({ code, lines }).toEqual({ code: 0, lines: [`ordermesh ${version}`] });
  });

  it('explains a command', async () => {
    const { code, lines } = await run('help', 'replay');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^ordermesh replay: /);
  });

  it.each([
    ['status', [], 3, { code: 'UNAVAILABLE', message: expect.stringContaining('cannot be reached'), details: [] }],
    ['call', ['a.B/C'], 3, { code: 'UNAVAILABLE', message: expect.stringContaining('cannot be reached'), details: [] }],
    [
      'status',
      ['--address', 'no-such-host.invalid:1'],
      3,
      {
        code: 'UNAVAILABLE',
        message: expect.stringContaining('host of no-such-host.invalid:1 is unknown'),
        details: [],
      },
    ],
    ['replay', ['a', 'b'], 2, { message: 'only one group can be replayed at a time' }],
    ['call', ['nope'], 2, { message: expect.stringMatching(/^invalid method nope: /) }],
  ])('prints errors as JSON with --json: %s %j', async (command, args, exit, error) => {
    const { code, errors } = await run(command, ...args, '--json');
    expect(code).toBe(exit);
    expect(JSON.parse(errors)).toEqual(error);
  });

  it('names the option --address if the address is from it', async () => {
    const [valid, invalid] = [await unusedAddress(), 'localhost'];
    expect(await run('status', '--address', valid)).toMatchObject({
      code: 3,
      errors: `the mesh at ${valid} cannot be reached: run "make start" in another terminal, or set --address\n`,
    });
    expect(await run('status', `--address=${invalid}`)).toMatchObject({
      code: 2,
      errors: 'invalid --address "localhost": use <host>:<port>\n',
    });
  });

  it.each(['status', 'call'])('says that it called the HTTP port of a mesh: %s', async (command) => {
    await using folder = await tempFolder();
    const environment = { HTTP_LISTEN: '127.0.0.1:0' };
    await using mesh = await startProcess({ dataDir: folder.path, args: ['user', 'edge'], environment });
    const address = mesh.httpAddress ?? '';
    const { code, errors } = await spawnTool(command, mesh.address, ['--address', address]);
    expect({ code, errors }).toEqual({
      code: 3,
      errors: `the mesh at ${address} cannot be reached: this port serves HTTP, not gRPC: set --address to its gRPC port, 50051 with "make start"\n`,
    });
  });

  it('names what a process lacks or cannot use', async () => {
    const mesh = await startMesh([createReaderService().definition], {});
    onTestFinished(() => mesh.stop());
    const { code, errors } = await spawnTool('status', mesh.address, []);
    expect({ code, errors }).toEqual({
      code: 4,
      errors: `the process at ${mesh.address} does not serve ops.v1.StatusService/GetStatus: use an address where ops is served too\n`,
    });
  });

  it('points to the status if the event log cannot be used', async () => {
    const mesh = await startMesh([createReaderService().definition, opsService], { EVENTS_URL: 'kafka://127.0.0.1:1' });
    onTestFinished(() => mesh.stop());
    const { code, errors } = await spawnTool('replay', mesh.address, ['readers']);
    expect(code).toBe(3);
    expect(errors).toContain('"make status" shows why');
  });
});
