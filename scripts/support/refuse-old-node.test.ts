import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { readManifest } from '../packages/manifest.ts';

const older = 'data:text/javascript,Object.defineProperty(process,"versions",{value:{node:"20.20.2"}})';

it.each([
  ['ordermesh', 'packages/cli/src/ordermesh.ts'],
  ['ordermesh-generate', 'packages/mesh/src/generate.ts'],
])('%s says on an older Node which one it needs', async (name, program) => {
  const needed = (await readManifest('.')).engines.node.replace('>=', '');
  await expect(promisify(execFile)(process.execPath, ['--import', older, program])).rejects.toMatchObject({
    code: 2,
    stderr: `${name} needs Node ${needed} or later, this is 20.20.2: install a newer one\n`,
  });
});
