import { describe, expect, it } from 'vitest';
import { createOutput } from './output.ts';

const time = new Date(2026, 10, 29, 12, 3, 4).toISOString();
const json = (fields: object) => JSON.stringify({ level: 'warn', time, pid: 7, ...fields });

/** Returns what is written for lines of a process. */
function written(lines: readonly string[], isJson = false): string[] {
  const found: string[] = [];
  const output = createOutput({ write: (text) => found.push(text), isJson });
  for (const line of lines) output.line('order-2', line);
  return found;
}

describe('the log of a split mesh', () => {
  it('shows time, process, level, text and fields of each line', () => {
    const line = json({ msg: 'saga compensating', order: '0190', reason: 'no stock', attempts: 3 });
    expect(written([line])).toEqual([
      '12:03:04 order-2        warn  saga compensating order=0190 reason="no stock" attempts=3\n',
    ]);
  });

  it('shows the text of an error, and its stack if it was unexpected', () => {
    const expected = json({ msg: 'charge failed', err: { reason: 'UNREACHABLE', message: 'no answer' } });
    const unexpected = json({
      msg: 'crash',
      err: { message: 'x is undefined', stack: 'TypeError: x\n    at f (a.ts:1)' },
    });
    expect(written([expected, unexpected])).toEqual([
      '12:03:04 order-2        warn  charge failed: no answer\n',
      '12:03:04 order-2        warn  crash: x is undefined\n    at f (a.ts:1)\n',
    ]);
  });

  it('shows lines that are not JSON, without control characters', () => {
    expect(written(['cannot start: \u001b[31mred'])[0]).toMatch(
      /^\d\d:\d\d:\d\d order-2 {8}cannot start: \\u\{1b\}\[31mred\n$/,
    );
  });

  it('passes JSON on with the name of the process', () => {
    const [line = '', text = ''] = written([json({ msg: 'a' }), 'plain'], true);
    expect(JSON.parse(line)).toEqual({ process: 'order-2', level: 'warn', time, pid: 7, msg: 'a' });
    expect(JSON.parse(text)).toMatchObject({ process: 'order-2', msg: 'plain' });
  });

  it('leaves out lines of the supervisor below its level', () => {
    const found: string[] = [];
    const output = createOutput({ write: (text) => found.push(text), level: 'warn' });
    output.log('info', 'starting');
    output.log('error', 'broken');
    expect(found).toEqual([expect.stringContaining(' split          error broken')]);
  });
});
