import { cp, glob, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { applyChanges, type Run, type Step } from './apply.ts';
import { checkNames } from './names.ts';
import { planService } from './plan.ts';
import { edits } from './registrations.ts';
import { filesOf, renamed } from './template.ts';

const names = checkNames({ name: 'catalog', resource: 'Product', plural: '' });
const [format, generate, document] = ['format', 'make gen', 'make docs'].map((name) => ({ name, command: [name] }));
const steps = { format, generate, document } as Record<'format' | 'generate' | 'document', Step>;

/** What a new service needs of the project. */
async function projectFolder(): Promise<TempFolder> {
  const folder = await tempFolder();
  for (const path of [
    'proto',
    'services/user',
    'services/bridge',
    'docs/methods.md',
    'deploy/kubernetes',
    ...edits.map(({ path }) => path),
  ])
    await cp(path, join(folder.path, path), { recursive: true });
  return folder;
}

/** Every file with its text. */
async function contentOf(root: string): Promise<Record<string, string>> {
  const paths = await Array.fromAsync(glob('**/*', { cwd: root, withFileTypes: true }));
  const files = paths.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(await Promise.all(files.map(async (file) => [file, await readFile(file, 'utf8')])));
}

describe('the files of a new service', () => {
  it('have its names and none of the template', async () => {
    const files = await filesOf(names);
    expect(files.map(({ path }) => path)).toContain('proto/catalog/v1/catalog.proto');
    expect(files.map(({ path }) => path)).toContain('services/catalog/product.ts');
    for (const { path, text } of files) expect(`${path} ${text}`).not.toMatch(/library|book/i);
  });

  it('run it on Kubernetes like the report service, which calls no other', async () => {
    const report = await readFile('deploy/kubernetes/base/services/report.yaml', 'utf8');
    const { text } = (await filesOf(names)).find(({ path }) => path.endsWith('/services/catalog.yaml')) ?? { text: '' };
    expect(text).toBe(report.replaceAll('report', 'catalog'));
  });

  it('have the article that a name takes', () => {
    const item = { service: 'atlas', resource: 'item', resources: 'items' };
    expect(renamed('A book of a library, the books; a Book. LIBRARY_BOOK', item)).toBe(
      'An item of an atlas, the items; a Item. ATLAS_ITEM',
    );
    expect(renamed('a book', { ...item, resource: 'unit' })).toBe('a unit');
  });

  it('may be called what the template is called', () => {
    const swapped = { service: 'book', resource: 'library', resources: 'libraries' };
    expect(renamed('library.v1.LibraryService/ListBooks', swapped)).toBe('book.v1.BookService/ListLibraries');
  });
});

describe('the plan of a new service', () => {
  it.each([
    ['user', '', /NAME=user is taken, proto\/user exists/],
    ['bridge', '', /NAME=bridge is taken, services\/bridge exists/],
    ['ops', '', /NAME=ops is taken, proto\/ops exists/],
    ['postgres', '', /NAME=postgres is taken, docker-compose.yml runs something of this name/],
    ['catalogs', '', /NAME=catalogs is a plural: use NAME=catalog/],
    ['kafka', 'Item', /NAME=kafka is taken, docker-compose.yml runs something of this name/],
    ['issuer', 'Token', /NAME=issuer is taken, deploy\/kubernetes\/overlays\/production\/issuer.yaml runs/],
    ['catalog', 'Item', /another service has the error ITEM_NOT_FOUND/],
    ['catalog', 'Topic', /\/api\/topics is a path of proto\/events\/v1\/events.proto/],
    ['catalog', 'Storage', /storage is what the code of a service calls something else/],
  ])('refuses NAME=%s RESOURCE=%s', async (name, resource, problem) => {
    await using project = await projectFolder();
    const taken = planService(project.path, checkNames({ name, resource, plural: '' }));
    await expect(taken).rejects.toThrow(problem);
  });

  it('leaves out the entries for containers where a project has removed them', async () => {
    await using project = await projectFolder();
    for (const path of ['docker-compose.yml', 'deploy'])
      await rm(join(project.path, path), { recursive: true, force: true });
    const { changes, leftOut } = await planService(project.path, names);
    expect(changes.filter(({ path }) => path.startsWith('deploy'))).toEqual([]);
    expect(leftOut).toHaveLength(4);
    expect(leftOut[0]).toContain('docker-compose.yml');
  });

  it('names the file that has no place for an entry', async () => {
    await using project = await projectFolder();
    await writeFile(join(project.path, 'services/all.ts'), 'export const allServices = [];\n');
    await expect(planService(project.path, names)).rejects.toThrow(/^services\/all.ts has no line/);
  });
});

describe('a new service', () => {
  const signal = new AbortController().signal;

  it('is written and entered into each list before its code is generated', async () => {
    await using project = await projectFolder();
    const ran: string[] = [];
    const run: Run = async ({ name }) => void ran.push(name);
    await applyChanges(project.path, (await planService(project.path, names)).changes, steps, { run, signal });
    expect(ran).toEqual(['format', 'make gen', 'make docs']);
    expect(await readFile(join(project.path, 'services/all.ts'), 'utf8')).toMatch(/catalogService,\n {2}bridgeService/);
    const expectations = await readFile(join(project.path, 'test/authorization/expectations.ts'), 'utf8');
    expect(expectations).toContain("'catalog.v1.CatalogService/ListProducts': users,\n  'events.v1");
    await expect(planService(project.path, names)).rejects.toThrow(/NAME=catalog is taken/);
  });

  it('gets containers of its own', async () => {
    await using project = await projectFolder();
    const { changes } = await planService(project.path, names);
    const planned = (path: string) => changes.find((change) => change.path === path)?.after;
    const { services } = parse(planned('docker-compose.yml') ?? '', { merge: true });
    expect(services.catalog).toEqual({
      ...services.report,
      command: ['catalog'],
      networks: { default: { aliases: ['catalog-service'] } },
    });
    const { scrape_configs: scraped } = parse(planned('deploy/compose/prometheus/prometheus.yml') ?? '');
    expect(scraped[0].dns_sd_configs[0].names).toContain('catalog-service');
    const { resources } = parse(planned('deploy/kubernetes/base/kustomization.yaml') ?? '');
    expect(resources).toContain('services/catalog.yaml');
    expect(resources.slice(4)).toEqual(resources.slice(4).toSorted());
  });

  it.each(['catalog', 'zone'])('gets a user and a database of PostgreSQL of its own, as %s', async (name) => {
    await using project = await projectFolder();
    const { changes } = await planService(project.path, checkNames({ name, resource: 'Product', plural: '' }));
    const change = changes.find(({ path }) => path === 'deploy/kubernetes/databases.sql');
    const added = (change?.after.split('\n') ?? []).filter((line) => !change?.before?.includes(line));
    expect(added).toEqual([
      `CREATE ROLE mesh_${name} LOGIN;`,
      `CREATE DATABASE mesh_${name} OWNER mesh_${name};`,
      `REVOKE CONNECT, TEMPORARY ON DATABASE mesh_${name} FROM PUBLIC;`,
    ]);
    const rolesOf = (sql = '') => [...sql.matchAll(/^CREATE ROLE mesh_(\w+) LOGIN;/gm)].map(([, role]) => role);
    expect(rolesOf(change?.after)).toEqual([...rolesOf(change?.before), name].toSorted());
  });

  it('is in the lists that people read: the layout, and the commands that create Secrets', async () => {
    await using project = await projectFolder();
    const { changes, leftOut } = await planService(project.path, names);
    expect(leftOut).toEqual([]);
    const addedTo = (page: string) => {
      const { before = '', after = '' } = changes.find(({ path }) => path === page) ?? {};
      const old = new Set(before.split('\n'));
      return after.split('\n').filter((line) => !old.has(line));
    };
    expect(addedTo('README.md')).toEqual([expect.stringMatching(/^services\/ .* report catalog bridge ops/)]);
    expect(addedTo('docs/kubernetes.md')).toEqual([
      expect.stringMatching(/^ +for s in user .* report catalog; do$/),
      expect.stringMatching(/^for s in user .* report catalog bridge ops gateway; do$/),
    ]);
  });

  it('comes last in lists by name if its name does', async () => {
    await using project = await projectFolder();
    const { changes } = await planService(project.path, checkNames({ name: 'zone', resource: '', plural: '' }));
    const planned = (path: string) => changes.find((change) => change.path === path)?.after;
    expect(planned('test/authorization/expectations.ts')).toMatch(/ListZones': users,\n};\n/);
    expect(planned('test/authorization/samples.ts')).toMatch(/GetZone': \{ id: none },\n {2}};\n/);
  });

  it.each([
    ['format', ['format']],
    ['make gen', ['format', 'make gen', 'make gen']],
    ['make docs', ['format', 'make gen', 'make docs', 'make gen']],
  ])('leaves nothing behind if "%s" fails', async (failing, expected) => {
    await using project = await projectFolder();
    const before = await contentOf(project.path);
    const ran: string[] = [];
    const run: Run = async ({ name }, from) => {
      ran.push(name);
      // What the steps change before one fails.
      if (from !== undefined) await writeFile(join(project.path, 'docs/methods.md'), 'half a page');
      if (name === failing && from !== undefined) throw new Error(`"${failing}" failed`);
    };
    const made = applyChanges(project.path, (await planService(project.path, names)).changes, steps, { run, signal });
    await expect(made).rejects.toThrow(/failed\nnothing has changed: all files are as they were$/);
    expect(ran).toEqual(expected);
    expect(await contentOf(project.path)).toEqual(before);
    await expect(planService(project.path, names)).resolves.toBeDefined();
  });

  it('says what to do by hand if what was generated cannot be put back', async () => {
    await using project = await projectFolder();
    const run: Run = async ({ name }, from) => {
      if (name === 'make docs' || from === undefined) throw new Error(`${name} has no disk`);
    };
    const made = applyChanges(project.path, (await planService(project.path, names)).changes, steps, { run, signal });
    await expect(made).rejects.toThrow(
      /^make docs has no disk\nit could not be undone: remove .*proto\/catalog\S+ .* then run "make gen" and "make docs" \(make gen/,
    );
  });

  it('overwrites no file that appears meanwhile', async () => {
    await using project = await projectFolder();
    const { changes } = await planService(project.path, names);
    await mkdir(join(project.path, 'services/catalog'), { recursive: true });
    await writeFile(join(project.path, 'services/catalog/store.ts'), 'mine');
    const run: Run = async () => undefined;
    await expect(applyChanges(project.path, changes, steps, { run, signal })).rejects.toThrow(
      /store.ts exists since a moment ago\nnothing has changed/,
    );
    expect(await readFile(join(project.path, 'services/catalog/store.ts'), 'utf8')).toBe('mine');
  });
});
