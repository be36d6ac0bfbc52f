import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../testing/temp-folder.ts';
import { generatedAbove, readDeclaredServices } from './declared-services.ts';

describe('the generated code of a project', () => {
  it('is found from its program, wherever that is started', async () => {
    await using folder = await tempFolder();
    const project = await realpath(folder.path);
    for (const path of ['gen', 'services/gen']) await mkdir(join(project, path), { recursive: true });
    const program = join(project, 'services/main.ts');
    await writeFile(program, '');
    await symlink(program, join(project, 'link'));
    expect(generatedAbove(program)).toBeUndefined();
    await writeFile(join(project, 'gen/descriptors.binpb'), '');
    expect(generatedAbove(program)).toEqual(pathToFileURL(`${project}/gen/`));
    expect(generatedAbove(join(project, 'link'))).toEqual(pathToFileURL(`${project}/gen/`));
    expect(generatedAbove(join(project, 'missing.ts'))).toBeUndefined();
  });

  it('is named by its path where it is missing', async () => {
    await using folder = await tempFolder();
    const missing = readDeclaredServices(pathToFileURL(join(folder.path, 'descriptors.binpb')));
    await expect(missing).rejects.toThrow(
      new RegExp(`^${folder.path}/descriptors.binpb: is missing, .* run "npx ordermesh-generate" in the project`),
    );
  });
});
