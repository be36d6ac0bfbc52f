import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Money } from '#gen/common/v1/common.ts';

const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, ['scripts/load/frame.ts', ...args], { encoding: 'buffer' });

describe('scripts/load/frame.ts', () => {
  it('frames a message with every digit of its integers', async () => {
    const { stdout } = await run('common.v1.Money', '{"currency_code": "USD", "minor_units": 9007199254740993}');
    const message = stdout.subarray(5);
    expect([stdout[0], stdout.readUInt32BE(1)]).toEqual([0, message.length]);
    expect(Money.decode(message)).toMatchObject({ currencyCode: 'USD', minorUnits: 9_007_199_254_740_993n });
  });

  it.each([
    ['{"minor_units": 9223372036854775808}', 'invalid request: minor_units: must be an integer from '],
    ['{"minor_units"', 'the message is not valid JSON: it ends too early: use <message> '],
  ])('refuses %s', async (json, text) => {
    const { code, stderr } = await run('common.v1.Money', json).catch((error) => error);
    expect(code).toBe(2);
    expect(String(stderr)).toContain(text);
  });
});
