import { glob, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The reasons in the code, each with its codes; none if it is reported without a code. */
type Reasons = Map<string, Set<string>>;

it('docs/errors.md lists exactly the reasons in the code, with their codes', async () => {
  const given = await reasonsOfCode();
  const listed = listedReasons(await readFile(join(root, 'docs/errors.md'), 'utf8'));
  expect(given.size).toBeGreaterThan(70);
  expect([...listed.keys()].toSorted()).toEqual([...given.keys()].toSorted());
  for (const [reason, codes] of given) {
    expect([...codes].join() || '—', `the code of ${reason}`).toBe(listed.get(reason));
  }
});

async function reasonsOfCode(): Promise<Reasons> {
  const reasons: Reasons = new Map();
  const note = (reason = '', code?: string) => {
    const codes = reasons.get(reason) ?? new Set();
    reasons.set(reason, code === undefined ? codes : codes.add(code));
  };
  for await (const file of glob('{mesh,services}/**/*.ts', { cwd: root })) {
    if (isTestCode(file)) continue;
    const text = await readFile(join(root, file), 'utf8');
    for (const [, code, reason] of text.matchAll(/new MeshError\(\s*Status\.(\w+),\s*'(\w+)'/g)) note(reason, code);
    for (const [, reason, code] of text.matchAll(/reason: '(\w+)',\s*code: Status\.(\w+)/g)) note(reason, code);
    for (const [line] of text.matchAll(/\breason(:| =) .*/g)) {
      for (const [, reason] of line.matchAll(/'([A-Z][A-Z_]+)'/g)) note(reason);
    }
  }
  return reasons;
}

function isTestCode(file: string): boolean {
  return /\.(test|suite)\.ts$|\/(contract|testing|testdata|suite)\//.test(file);
}

function listedReasons(markdown: string): ReadonlyMap<string, string> {
  const rows = [...markdown.matchAll(/^\| `([A-Z_]+)` *\| (\S+) *\|/gm)].map(
    ([, reason = '', code = '']): readonly [string, string] => [reason, code],
  );
  expect(rows.length, 'a reason is listed once').toBe(new Set(rows.map(([reason]) => reason)).size);
  return new Map(rows);
}
