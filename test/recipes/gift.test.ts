import { expect, it } from 'vitest';
import { copyProject } from './support/project-copy.ts';

// The example is laid over a copy of the project as its README says, and its own test runs there.
it('the gift service of the examples works in a project of its own', { timeout: 300_000 }, async () => {
  await using project = await copyProject();
  await project.overlay('examples/gift');
  await project.run('git', 'apply', 'examples/gift/contracts.patch');
  await project.run('node', 'scripts/gen.ts');
  await project.run('node', 'scripts/protos/proto-policy.ts');
  await project.run('tsc', '--noEmit');
  await project.run('biome', 'check', '--error-on-warnings', 'services/gift');
  const report = await project.run('vitest', 'run', 'services/gift', 'test/architecture.test.ts');
  expect(report).toMatch(/Tests .*\d+ passed/);
  expect(report).toContain('services/gift/gift-service.test.ts');
});
