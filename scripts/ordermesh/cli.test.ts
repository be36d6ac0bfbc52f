import { describe, expect, it } from 'vitest';
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

  it('explains a command', async () => {
    const { code, lines } = await run('help', 'replay');
    expect(code).toBe(0);
    expect(lines[0]).toMatch(/^ordermesh replay: /);
  });

  it.each([
    ['status', [], 3, { code: 'UNAVAILABLE', message: expect.stringContaining('cannot be reached'), details: [] }],
    ['call', ['a.B/C'], 3, { code: 'UNAVAILABLE', message: expect.stringContaining('cannot be reached'), details: [] }],
    ['replay', ['a', 'b'], 2, { message: 'only one group can be replayed at a time' }],
    ['call', ['nope'], 2, { message: expect.stringMatching(/^invalid method nope: /) }],
  ])('prints errors as JSON with --json: %s %j', async (command, args, exit, error) => {
    const { code, errors } = await run(command, ...args, '--json');
    expect(code).toBe(exit);
    expect(JSON.parse(errors)).toEqual(error);
  });
});
