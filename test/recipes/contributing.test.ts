import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { copyProject } from './support/project-copy.ts';
import { follow, recipesOf } from './support/recipes.ts';

const recipes = recipesOf(await readFile('CONTRIBUTING.md', 'utf8'));

describe('CONTRIBUTING', () => {
  it('leads readers to a working RPC and a working service', { timeout: 240_000 }, async () => {
    await using project = await copyProject();
    const steps = recipes.filter(({ does }) => does !== 'from');
    expect(steps.length).toBeGreaterThan(12);
    for (const step of steps) await follow(step, project);
    await project.run('node', 'scripts/gen.ts');
    await project.run('node', 'scripts/docs.ts');
    await project.run('tsc', '--noEmit');
    await project.run('biome', 'check', '--write', '--error-on-warnings', 'services');
    await project.run('buf', 'lint');
    await project.run('node', 'scripts/protos/proto-policy.ts');
    const tests = [
      'services/note',
      'services/user/user-service.test.ts',
      'test/architecture.test.ts',
      'test/docs/errors-doc.test.ts',
    ];
    const report = await project.run('vitest', 'run', ...tests);
    expect(report).toMatch(/Test Files .*4 passed/);
  });

  const quoted = recipes.filter(({ does }) => does === 'from');

  it('quotes the gift service', () => {
    expect(quoted.length).toBeGreaterThan(10);
  });

  it.each(quoted.map(({ file, code }) => [file, code]))('quotes %s as it is', async (file, code) => {
    expect(withoutIndentation(await readFile(file, 'utf8'))).toContain(withoutIndentation(code));
  });
});

/** A quoted block may be indented otherwise than where it comes from. */
function withoutIndentation(text: string): string {
  return text.replaceAll(/^ +/gm, '');
}
