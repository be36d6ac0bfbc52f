import { execFile } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readManifest } from '../../../scripts/packages/manifest.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));
const modules = join(root, 'node_modules');
const { version } = await readManifest(root);

/** What `examples/clients/typescript` depends on besides the client. */
const packages = ['@bufbuild/protobuf', '@grpc/grpc-js', '@grpc/proto-loader', '@types/node', 'typescript'];

/**
 * Installs the client in `folder`, which has `gen/typescript` and `examples/clients/typescript`, and checks the types of the
 * example. Does what `npm install` does, without a network. Returns the folder of the example.
 */
export async function installTypeScriptClient(folder: string): Promise<string> {
  const example = join(folder, 'examples/clients/typescript');
  const client = join(example, 'node_modules/ordermesh-clients');
  await rm(join(example, 'node_modules'), { recursive: true, force: true });
  await mkdir(client, { recursive: true });
  const tarball = join(folder, `gen/typescript/dist/ordermesh-clients-${version}.tgz`);
  await run('tar', ['-xzf', tarball, '-C', client, '--strip-components=1']);
  for (const name of packages) {
    await mkdir(dirname(join(example, 'node_modules', name)), { recursive: true });
    await symlink(join(modules, name), join(example, 'node_modules', name));
  }
  await run(join(modules, '.bin/tsc'), ['--project', example]);
  return example;
}
