import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Status } from 'nice-grpc-common';
import { describe, expect, it } from 'vitest';
import { definedReasons, reasonsOfTable, rowsOf, tablesOf } from '../../scripts/support/error-tables.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reasons = await definedReasons();
const page = await readFile(join(root, 'docs/errors.md'), 'utf8');

describe('docs/errors.md', () => {
  it('lists exactly the defined reasons, with their codes', () => {
    const listed = [...page.matchAll(/^\| `([A-Z_]+)` *\| (\S+) *\|/gm)].map(([, reason, code]) => `${reason} ${code}`);
    const defined = reasons.map(({ reason, code }) => `${reason} ${code === undefined ? '—' : Status[code]}`);
    expect(reasons.length).toBeGreaterThan(120);
    expect(listed.toSorted()).toEqual(defined.toSorted());
  });

  it.each(tablesOf(page))('shows what each reason means in the table "%s"', (name) => {
    const [, table = ''] = page.split(new RegExp(`<!-- ${name}:(?:begin|end) -->`));
    const rows = [...table.matchAll(/^\| (`.*) \|$/gm)].map(([, row = '']) => row.split(/ +\| +/));
    expect(rows.map((row) => row.map((cell) => cell.trim()))).toEqual(rowsOf(reasonsOfTable(name, reasons)));
  });
});

describe('a reason', () => {
  it('is defined once, except where two services have the same refusal', () => {
    const twice = reasons.filter(({ reason }, index) => reasons[index - 1]?.reason === reason);
    expect(twice.map(({ reason }) => reason)).toEqual(['CURRENCY_MISMATCH']);
  });

  it('is written only in its definition', async () => {
    const found: string[] = [];
    for await (const file of glob('{mesh,services}/**/*.ts', { cwd: root })) {
      if (isTestCode(file) || file.endsWith('/errors.ts')) continue;
      const text = await readFile(join(root, file), 'utf8');
      for (const [line] of text.matchAll(/\breason(:| =+) '[A-Z][A-Z_]+'/g)) found.push(`${file}: ${line}`);
    }
    expect(found).toEqual([]);
  });

  it('comes from a definition, or from a peer', async () => {
    const found: string[] = [];
    for await (const file of glob('{mesh,services}/**/*.ts', { cwd: root })) {
      if (isTestCode(file) || file.startsWith('mesh/errors/')) continue;
      if (/new MeshError\(/.test(await readFile(join(root, file), 'utf8'))) found.push(file);
    }
    expect(found.toSorted()).toEqual(['mesh/client/call-error.ts', 'mesh/rest-client/rest-error.ts']);
  });
});

function isTestCode(file: string): boolean {
  return /\.(test|suite)\.ts$|\/(suites?|testing|testdata)\//.test(file);
}
