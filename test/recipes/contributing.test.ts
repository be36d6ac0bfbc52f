import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { checkNames } from '../../scripts/new-service/names.ts';
import { filesOf } from '../../scripts/new-service/template.ts';
import { copyProject, type ProjectCopy } from './support/project-copy.ts';
import { follow, recipesOf } from './support/recipes.ts';

const recipes = recipesOf(await readFile('CONTRIBUTING.md', 'utf8'));

describe('CONTRIBUTING', () => {
  it('leads readers to a working RPC and a working service', { timeout: 300_000 }, async () => {
    await using project = await copyProject();
    const steps = recipes.filter(({ does }) => !isQuote(does));
    expect(steps.length).toBeGreaterThan(5);
    for (const step of steps) await follow(step, project);
    const written = await project.run('env', 'NAME=catalog', 'RESOURCE=Product', 'node', 'scripts/new-service.ts');
    expect(written).toContain('wrote services/catalog/service.ts');
    expect(written).toContain('the plural of product is products, ');
    expect(written).toContain('npx vitest run services/catalog && make check');
    await project.run('tsc', '--noEmit');
    await project.run('biome', 'check', '--write', '--error-on-warnings', 'services', 'test/authorization');
    await project.run('buf', 'lint');
    await project.run('node', 'scripts/protos/file-options.ts');
    await project.run('node', 'scripts/protos/proto-policy.ts');
    const tests = [
      'services/catalog',
      'services/user/user-service.test.ts',
      'test/architecture.test.ts',
      'test/authorization/matrix.test.ts',
      'test/docs/architecture-page.test.ts',
      'test/docs/errors-doc.test.ts',
      'test/docs/compose-mesh.test.ts',
      'test/kubernetes/network-policies.test.ts',
      'test/kubernetes/services.test.ts',
      'test/query-plans/query-plans.test.ts',
    ];
    const report = await project.run('vitest', 'run', ...tests);
    expect(report).toMatch(new RegExp(`Test Files .*${tests.length} passed`));
    await callProducts(project);
  });

  const quoted = recipes.filter(({ does }) => does === 'from');

  it('quotes the gift service', () => {
    expect(quoted.length).toBeGreaterThan(10);
  });

  it.each(quoted.map(({ file, code }) => [file, code]))('quotes %s as it is', async (file, code) => {
    expect(withoutIndentation(await readFile(file, 'utf8'))).toContain(withoutIndentation(code));
  });

  const made = recipes.filter(({ does }) => does === 'made');

  it.each(made.map(({ file, code }) => [file, code]))(
    'quotes %s as `make new-service` writes it',
    async (file, code) => {
      const files = await filesOf(checkNames({ name: 'catalog', resource: 'Product', plural: '' }));
      const { text } = files.find(({ path }) => path === file) ?? expect.fail(`${file} is not written`);
      expect(withoutIndentation(text)).toContain(withoutIndentation(code));
    },
  );
});

function isQuote(does: string): boolean {
  return does === 'from' || does === 'made';
}

/** Starts all services of the copy, and calls the new one as its callers do: by reflection, and by REST. */
async function callProducts(project: ProjectCopy): Promise<void> {
  await using mesh = spawnCommand({
    command: [process.execPath, 'services/main.ts'],
    cwd: project.path,
    environment: { GRPC_LISTEN: '127.0.0.1:0', HTTP_LISTEN: '127.0.0.1:0', LOG_LEVEL: 'warn' },
  });
  const [, grpc, http] = await mesh.printed(/^ready grpc=(\S+) http=(\S+)/m);
  const call = (...args: readonly string[]) =>
    project.run('env', `ADDRESS=${grpc}`, 'node', 'scripts/ordermesh.ts', 'call', ...args);
  expect(await call()).toContain('catalog.v1.CatalogService\n');
  const health = await call('grpc.health.v1.Health/Check', '{"service": "catalog.v1.CatalogService"}');
  expect(JSON.parse(health)).toEqual({ status: 'SERVING' });
  const created = await call('catalog.v1.CatalogService/CreateProduct', '{"product": {"name": "The first"}}');
  const { id } = JSON.parse(created) as { readonly id: string };
  const response = await fetch(`http://${http}/api/products/${id}`);
  expect(await response.json()).toEqual(JSON.parse(created));
  expect(await call('catalog.v1.CatalogService/ListProducts')).toContain(`"${id}"`);
  expect(await mesh.end('SIGTERM')).toEqual({ code: 0, signal: null });
}

/** A quoted block may be indented otherwise than where it comes from. */
function withoutIndentation(text: string): string {
  return text.replaceAll(/^ +/gm, '');
}
