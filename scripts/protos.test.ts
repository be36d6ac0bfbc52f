import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcPython, grpcPythonPath } from '../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../mesh/testing/servers/servers.ts';
import type { TempFolder } from '../mesh/testing/temp-folder.ts';
import { freshClone } from '../test/support/fresh-clone.ts';

const bin = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));

describe('a fresh clone after npm ci', () => {
  let clone: TempFolder;
  let protos: string;
  beforeAll(async () => {
    clone = await freshClone();
    protos = join(clone.path, 'dist/protos');
    // What npm ci runs after it has installed the packages.
    await run('node', 'scripts/postinstall.js');
    await run('node', 'scripts/protos.ts');
  });
  afterAll(() => clone[Symbol.asyncDispose]());

  /** Runs a command without the settings and the home of this machine, where a compiler could find contracts. */
  async function run(command: string, ...args: string[]): Promise<string> {
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: join(clone.path, 'home') };
    return (await promisify(execFile)(command, args, { cwd: clone.path, env, shell: command === 'sh' })).stdout;
  }

  const compiledFiles = async (set: string) =>
    fromBinary(FileDescriptorSetSchema, await readFile(join(clone.path, set)))
      .file.map(({ name }) => name)
      .sort();
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
    await run('buf', 'build', protos, '--as-file-descriptor-set', '--output', 'exported.binpb');
    expect(await compiledFiles('exported.binpb')).toEqual(expect.arrayContaining(await ourFiles()));
  });

  describeWithServer(grpcPython, 'with protoc', () => {
    it('compiles all of our contracts in dist/protos, which one pattern selects', async () => {
      const command = `${grpcPythonPath} -m grpc_tools.protoc -I dist/protos -o protoc.binpb dist/protos/*/v1/*.proto`;
      await run('bash', '-c', command);
      expect(await compiledFiles('protoc.binpb')).toEqual(await ourFiles());
    });
  });
});
