import { cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { spawnCommand } from '../../mesh/testing/servers/spawn-command.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';

describe('make kubernetes-check, without its tools', () => {
  /** Runs the program where no tools are installed. */
  async function check(args: readonly string[], environment = {}) {
    await using folder = await tempFolder();
    for (const path of ['scripts/kubernetes-check.ts', 'mesh/testing/servers/go-tools.ts'])
      await cp(path, join(folder.path, path), { recursive: true });
    await writeFile(join(folder.path, 'package.json'), '{ "type": "module" }');
    const command = [process.execPath, 'scripts/kubernetes-check.ts', ...args];
    await using run = spawnCommand({ command, cwd: folder.path, environment });
    const { code } = await run.ended;
    return { code, text: run.stderr() };
  }

  it('fails, and says what is missing and what to do', async () => {
    expect(await check([])).toEqual({
      code: 1,
      text: 'deploy/kubernetes was not checked, as kustomize, kubeconform, and the schemas of Kubernetes are missing: run "make deps-kubernetes"\n',
    });
  });

  it('only says so within make check, but with REQUIRE_SERVERS=1', async () => {
    expect(await check(['--if-installed'])).toMatchObject({
      code: 0,
      text: expect.stringContaining('was not checked'),
    });
    expect(await check(['--if-installed'], { REQUIRE_SERVERS: '1' })).toMatchObject({ code: 1 });
  });
});
