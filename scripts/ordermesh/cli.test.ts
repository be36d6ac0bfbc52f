import { readFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
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
