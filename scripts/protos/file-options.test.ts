import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { fileOptionsOf, findWrongFileOptions } from './file-options.ts';

describe('findWrongFileOptions', () => {
  it.each(['proto', 'examples/gift/proto'])('finds nothing in %s', async (dir) => {
    expect(await findWrongFileOptions(dir)).toEqual([]);
  });

  it('names a contract with a missing or wrong option, and the options to set', async () => {
    await using folder = await tempFolder();
    await cp('proto/user', join(folder.path, 'user'), { recursive: true });
    const edit = async (path: string, from: string, to: string) => {
      const source = await readFile(join(folder.path, path), 'utf8');
      await writeFile(join(folder.path, path), source.replace(from, to));
    };
    await edit('user/v1/user.proto', 'option java_multiple_files = true;\n', '');
    await edit('user/v1/events.proto', 'Ordermesh.User.V1', 'User.V1');
    expect(await findWrongFileOptions(folder.path)).toEqual([
      expect.stringMatching(/^user\/v1\/events\.proto: [\s\S]*csharp_namespace = "Ordermesh\.User\.V1";/),
      expect.stringMatching(/^user\/v1\/user\.proto: [\s\S]*java_multiple_files = true;/),
    ]);
  });
});

describe('fileOptionsOf', () => {
  it('names the generated code of each language after the path', () => {
    expect(fileOptionsOf('user/v1/user_profile.proto')).toBe(
      [
        'option csharp_namespace = "Ordermesh.User.V1";',
        'option go_package = "github.com/ordermesh/ordermesh/gen/go/user/v1;userv1";',
        'option java_multiple_files = true;',
        'option java_outer_classname = "UserProfileProto";',
        'option java_package = "io.ordermesh.user.v1";',
        'option php_namespace = "Ordermesh\\\\User\\\\V1";',
        'option ruby_package = "Ordermesh::User::V1";',
        '',
      ].join('\n'),
    );
  });
});
