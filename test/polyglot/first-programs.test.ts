import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcPythonPath } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { clientTools, writeClients } from '../../scripts/clients/clients.ts';
import { readManifest } from '../../scripts/packages/manifest.ts';
import { allServices } from '../../services/all.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const { version } = await readManifest(root);

interface FirstProgram {
  readonly language: string;
  /** The language of its block in the README, and where the README says to save it. */
  readonly block: string;
  readonly file: string;
  /** Does in `dir` what the README says before, without downloads; the client is in `client`. Returns the command. */
  readonly prepare: (dir: string, client: string) => Promise<readonly string[]>;
}

const programs: readonly FirstProgram[] = [
  {
    language: 'go',
    block: 'go',
    file: 'main.go',
    // The versions that `go mod tidy` would select, and that `make deps` has downloaded.
    prepare: async (dir, client) => {
      const example = join(root, 'examples/clients/go');
      const goMod = await readFile(join(example, 'go.mod'), 'utf8');
      await writeFile(join(dir, 'go.mod'), goMod.replace('../../../gen/go', client));
      await cp(join(example, 'go.sum'), join(dir, 'go.sum'));
      return ['go', 'run', '.'];
    },
  },
  {
    language: 'python',
    block: 'python',
    file: 'main.py',
    prepare: async (dir, client) => {
      const wheel = join(client, `dist/ordermesh-${version}-py3-none-any.whl`);
      const install = ['-m', 'pip', 'install', '-q', '--no-index', '--no-deps', '--target', dir, wheel];
      await promisify(execFile)(grpcPythonPath, install);
      return [grpcPythonPath, 'main.py'];
    },
  },
  {
    language: 'typescript',
    block: 'js',
    file: 'main.mjs',
    prepare: async (dir, client) => {
      const modules = join(dir, 'node_modules');
      await mkdir(join(modules, 'ordermesh-clients'), { recursive: true });
      const tarball = join(client, `dist/ordermesh-clients-${version}.tgz`);
      const unpack = ['-xzf', tarball, '-C', join(modules, 'ordermesh-clients'), '--strip-components=1'];
      await promisify(execFile)('tar', unpack);
      for (const scope of ['@bufbuild', '@grpc']) {
        await symlink(join(root, 'node_modules', scope), join(modules, scope));
      }
      return [process.execPath, 'main.mjs'];
    },
  },
];

/** They compile for minutes, and need downloads. */
const compiledPrograms: readonly FirstProgram[] = [
  {
    language: 'java',
    block: 'java',
    file: 'src/main/java/Main.java',
    prepare: async (dir) => {
      // Both are built together, so the jar of this test does not get into the repository of the machine.
      const [pom = ''] = await blocks('java', 'xml');
      await writeFile(join(dir, 'pom.xml'), pom);
      const name = '<groupId>test</groupId><artifactId>test</artifactId><version>1</version><packaging>pom</packaging>';
      const modules = ['gen/java', 'shop'].map((path) => `<module>${path}</module>`).join('');
      const project = `<project><modelVersion>4.0.0</modelVersion>${name}<modules>${modules}</modules></project>`;
      const all = join(dir, '../pom.xml');
      await writeFile(all, project);
      const goals = ['package', 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'];
      await promisify(execFile)('mvn', ['-q', '-B', '-f', all, ...goals]);
      return ['java', '-cp', 'target/classes:target/dependency/*', 'Main'];
    },
  },
  {
    language: 'rust',
    block: 'rust',
    file: 'src/main.rs',
    prepare: async (dir, client) => {
      const [dependencies = ''] = await blocks('rust', 'toml');
      const manifest = '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2024"\n';
      await writeFile(join(dir, 'Cargo.toml'), manifest + dependencies.replace('<path to this folder>', client));
      return ['cargo', 'run', '-q'];
    },
  },
];

/** The blocks of code in this language that the README of the clients shows. */
async function blocks(client: string, language: string): Promise<string[]> {
  const page = await readFile(join(root, 'scripts/clients', client, 'README.md'), 'utf8');
  const fence = new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms');
  return [...page.matchAll(fence)].map(([, text = '']) => text);
}

describe('the first program in the README of the clients', () => {
  let mesh: TestMesh;
  beforeAll(async () => {
    mesh = await startMesh(allServices);
  });
  afterAll(() => mesh.stop());

  async function run({ language, block, file, prepare }: FirstProgram): Promise<void> {
    await using folder = await tempFolder();
    const [dir, client] = [join(folder.path, 'shop'), join(folder.path, 'gen', language)];
    await writeClients(language, client);
    const [program = ''] = await blocks(language, block);
    expect(program).toContain('localhost:50051');
    await mkdir(dirname(join(dir, file)), { recursive: true });
    await writeFile(join(dir, file), program.replace('localhost:50051', mesh.address));
    await cp(join(root, 'gen/service-config/ordermesh.json'), join(dir, 'ordermesh.json'));
    const [command = '', ...args] = await prepare(dir, client);
    const env = { ...process.env, GOFLAGS: '-mod=mod', GOPROXY: 'off' };
    // The second run finds the user that the first one has created.
    for (let round = 0; round < 2; round += 1) {
      const { stdout } = await promisify(execFile)(command, args, { cwd: dir, env });
      expect(stdout).toBe('Ada Lovelace <ada@example.com>\n');
    }
  }

  describe.each(programs)('for $language', (program) => {
    describeWithServer(clientTools(program.language), 'with its tools', () => {
      it('runs as it is shown, and again', { timeout: 240_000 }, () => run(program));
    });
  });

  describe.runIf(process.env.VERIFY_POLYGLOT === '1').each(compiledPrograms)('for $language', (program) => {
    it('runs as it is shown, and again', { timeout: 900_000 }, () => run(program));
  });
});
