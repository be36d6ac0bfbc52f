import { execFile } from 'node:child_process';
import { access, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { clone, fromBinary, type Message } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';
import { load } from '@grpc/proto-loader';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcPython, grpcPythonPath } from '../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';
import type { TempFolder } from '../mesh/testing/temp-folder.ts';
import { freshClone } from '../test/support/fresh-clone.ts';
import { clientTools } from './clients/clients.ts';
import { isOptionsOnly } from './protos/plain-proto.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = [join(root, '.tools/bin'), join(root, 'node_modules/.bin')].join(':');
const goModule = 'github.com/ordermesh/ordermesh/gen/go';

describe('a fresh clone after npm ci', () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await freshClone();
    // What npm ci runs after it has installed the packages.
    await run('node', 'scripts/postinstall.js');
    await run('node', 'scripts/protos.ts');
  });
  afterAll(() => folder[Symbol.asyncDispose]());

  /** Runs a command without the settings and the home of this machine, where a compiler could find contracts. */
  async function run(command: string, ...args: string[]): Promise<string> {
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: join(folder.path, 'home') };
    return (await promisify(execFile)(command, args, { cwd: folder.path, env })).stdout;
  }

  const readSet = async (set: string) =>
    fromBinary(FileDescriptorSetSchema, await readFile(join(folder.path, set))).file;
  const compiledFiles = async (set: string) => (await readSet(set)).map(({ name }) => name).sort();
  const ourFiles = async () =>
    fromBinary(FileDescriptorSetSchema, await readFile('gen/descriptors.binpb'))
      .file.map(({ name }) => name)
      .filter((name) => /^[a-z]+\/v1\/[a-z_]+\.proto$/.test(name))
      .sort();

  it('compiles its contracts with buf', async () => {
    await run('buf', 'build', '--as-file-descriptor-set', '--output', 'root.binpb');
    expect(await compiledFiles('root.binpb')).toEqual(expect.arrayContaining(await ourFiles()));
  });

  it('compiles dist/protos with buf', async () => {
    await run('buf', 'build', 'dist/protos', '--as-file-descriptor-set', '--output', 'exported.binpb');
    expect(await compiledFiles('exported.binpb')).toEqual(expect.arrayContaining(await ourFiles()));
  });

  it('compiles dist/protos-plain to the same contracts without custom options', async () => {
    await run('buf', 'build', 'dist/protos', '--as-file-descriptor-set', '--output', 'exported.binpb');
    await run('buf', 'build', 'dist/protos-plain', '--as-file-descriptor-set', '--output', 'plain.binpb');
    const names = (await ourFiles()).filter((name) => !isOptionsOnly(name));
    const expected = (await readSet('exported.binpb')).filter(({ name }) => names.includes(name));
    const plain = (await readSet('plain.binpb')).filter(({ name }) => names.includes(name));
    expect(plain.map(withoutOptions)).toEqual(expected.map(withoutOptions));
    for (const { name, dependency } of plain) expect(dependency.filter(isOptionsOnly), name).toEqual([]);
  });

  it.each(['dist/protos', 'dist/protos-plain'])('loads the services of %s with @grpc/proto-loader', async (dir) => {
    const files = (await ourFiles()).filter((name) => !isOptionsOnly(name));
    const loaded = await load(files, { includeDirs: [join(folder.path, dir)] });
    const services = (await readSet('gen/descriptors.binpb'))
      .filter(({ name }) => files.includes(name))
      .flatMap((file) => file.service.map(({ name }) => `${file.package}.${name}`));
    expect(Object.keys(loaded)).toEqual(expect.arrayContaining(services));
    expect(services.length).toBeGreaterThan(10);
  });

  describeWithServer(grpcPython, 'with protoc', () => {
    it.each(['dist/protos', 'dist/protos-plain'])('compiles %s, of which one pattern selects ours', async (dir) => {
      const protoc = `${grpcPythonPath} -m grpc_tools.protoc -I ${dir} -o protoc.binpb`;
      await run('bash', '-c', `${protoc} ${dir}/*/v1/*.proto`);
      const names =
        dir === 'dist/protos' ? await ourFiles() : (await ourFiles()).filter((name) => !isOptionsOnly(name));
      expect(await compiledFiles('protoc.binpb')).toEqual(names);
    });
  });

  describeWithServer(clientTools('go'), 'with the generators for Go', () => {
    const page = async () => readFile(join(root, 'docs/contracts.md'), 'utf8');

    /** Compiles the code in `dir` as the module `name`, with the packages that `make deps` has downloaded. */
    async function compile(dir: string, name: string): Promise<void> {
      const ours = join(root, 'scripts/clients/go');
      await writeFile(join(dir, 'go.mod'), (await readFile(join(ours, 'go.mod'), 'utf8')).replace(goModule, name));
      await cp(join(ours, 'go.sum'), join(dir, 'go.sum'));
      const env = { ...process.env, GOFLAGS: '-mod=readonly', GOPROXY: 'off' };
      await promisify(execFile)('go', ['vet', './...'], { cwd: dir, env });
    }

    it.each(['dist/protos', 'dist/protos-plain'])('generates code from all of %s with buf', async (dir) => {
      await writeFile(
        join(folder.path, 'go.yaml'),
        'version: v2\nplugins: [{ local: protoc-gen-go, out: all }, { local: protoc-gen-go-grpc, out: all }]',
      );
      await run('buf', 'generate', dir, '--template', 'go.yaml');
      const { path } = folder;
      await expect(access(join(path, 'all', goModule, 'user/v1/user_grpc.pb.go'))).resolves.toBeUndefined();
    });

    it('generates code that compiles with the buf.gen.yaml of docs/contracts.md', { timeout: 240_000 }, async () => {
      const [, template = ''] = /```yaml\n(version: v2\n.*?)```/s.exec(await page()) ?? [];
      const shop = join(folder.path, 'shop');
      await cp(join(folder.path, 'dist/protos-plain'), join(shop, 'protos-plain'), { recursive: true });
      await writeFile(join(shop, 'buf.gen.yaml'), template);
      await run('bash', '-c', 'cd shop && buf generate');
      await compile(shop, 'example.com/shop');
      await access(join(shop, 'gen/user/v1/user_grpc.pb.go'));
      await expect(readdir(join(shop, 'gen'))).resolves.not.toContain('google');
    });

    it('generates code that compiles with the protoc command of docs/contracts.md', { timeout: 240_000 }, async () => {
      const [command = ''] = /^protoc .*--go_out=.*$/m.exec(await page()) ?? [];
      const generated = join(folder.path, 'generated');
      await mkdir(generated);
      await run('bash', '-c', command.replace('protoc', `${grpcPythonPath} -m grpc_tools.protoc`));
      await compile(generated, goModule);
      await access(join(generated, 'user/v1/user_grpc.pb.go'));
    });
  });
});

/** A file as it is compared: without its custom options, their imports, and source info. */
function withoutOptions(file: FileDescriptorProto): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file);
  copy.sourceCodeInfo = undefined;
  copy.dependency = copy.dependency.filter((path) => !isOptionsOnly(path));
  copy.messageType.forEach(clearMessage);
  copy.service.flatMap((service) => [service, ...service.method]).forEach(clearOptions);
  return copy;
}

function clearMessage(message: DescriptorProto): void {
  [message, ...message.field, ...message.oneofDecl].forEach(clearOptions);
  message.nestedType.forEach(clearMessage);
}

/** Custom options are unknown fields here. */
function clearOptions(of: { options?: Message | undefined }): void {
  if (of.options === undefined) return;
  delete of.options.$unknown;
  const { $typeName: _, ...known } = of.options;
  // Known options that are not set are absent or empty lists.
  if (Object.values(known).flat().length === 0) of.options = undefined;
}
