import { execFileSync, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { type FileDescriptorSet, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { collectThirdPartyProtos } from '../../../scripts/protos/third-party-protos.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** A folder of contracts that a test compiles and generates code from, with the project's `buf.gen.yaml`. */
export interface ProtoWorkspace {
  /** Adds a contract; `path` is its import path. */
  write(path: string, source: string): Promise<void>;
  /** Returns the descriptors of all contracts. Throws buf's output if they do not compile. */
  build(): Promise<FileDescriptorSet>;
  /** Generates code; returns buf's stderr, which is empty on success. */
  generate(): string;
  /** Imports a module of `gen/ts`, such as `rules/v1/rules.contract.ts`. */
  import(path: string): Promise<Readonly<Record<string, unknown>>>;
  /** Removes the folder. */
  remove(): Promise<void>;
}

/** Creates a workspace with the third-party contracts and `mesh/v1/policy.proto`. */
export async function createProtoWorkspace(): Promise<ProtoWorkspace> {
  await mkdir(join(root, '.cache'), { recursive: true });
  // Below the project, so generated code finds its packages; with a link, so it finds mesh/.
  const dir = await mkdtemp(join(root, '.cache/contract-test-'));
  await symlink(join(root, 'mesh'), join(dir, 'mesh'));
  await collectThirdPartyProtos(join(dir, 'third-party'));
  await cp(join(root, 'proto/mesh'), join(dir, 'proto/mesh'), { recursive: true });
  const modules = [{ path: 'proto' }, { path: 'third-party' }];
  await writeFile(join(dir, 'buf.yaml'), JSON.stringify({ version: 'v2', modules }));
  return openWorkspace(dir);
}

function openWorkspace(dir: string): ProtoWorkspace {
  return {
    async write(path, source) {
      const target = join(dir, 'proto', path);
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, source);
    },
    async build() {
      const image = join(dir, 'image.binpb');
      execFileSync('buf', ['build', '--as-file-descriptor-set', '--output', image], { cwd: dir, stdio: 'pipe', env });
      return fromBinary(FileDescriptorSetSchema, await readFile(image));
    },
    generate: () => spawnSync('buf', ['generate', dir, '--output', dir], { cwd: root, encoding: 'utf8', env }).stderr,
    import: (path) => import(pathToFileURL(join(dir, 'gen/ts', path)).href),
    remove: () => rm(dir, { recursive: true }),
  };
}

const env = { ...process.env, PATH: `${join(root, 'node_modules/.bin')}:${process.env.PATH}` };
