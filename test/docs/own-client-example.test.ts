import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { spawnProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { userService } from '../../services/user/service.ts';

const readText = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

describe('examples/own-client.ts', () => {
  it('is the program that docs/balancing.md shows', async () => {
    expect(await readText('docs/balancing.md')).toContain(
      `\`\`\`ts\n${await readText('examples/own-client.ts')}\`\`\``,
    );
  });

  it('reads a user and lists users, ends with the error of the mesh, and answers without it', {
    timeout: 30_000,
  }, async () => {
    const mesh = await startMesh([userService]);
    const client = mesh.runtime.client(UserServiceContract);
    await client.createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
    await client.createUser({ user: { id: 'bob', name: 'Bob', email: 'bob@example.com' } });
    const start = (userId: string, environment: Record<string, string> = {}) =>
      spawnProcess({
        main: 'examples/own-client.ts',
        args: [userId],
        dataDir: '',
        environment: { ADDRESS: mesh.address, ...environment },
      });
    const run = async (userId: string, environment?: Record<string, string>) => {
      await using program = start(userId, environment);
      const { code } = await program.ended;
      return { code, stdout: program.stdout(), stderr: program.stderr() };
    };
    expect(await run('ada')).toEqual({ code: 0, stdout: 'ada is Ada\nada\nbob\n', stderr: '' });
    expect(await run('eve')).toEqual({
      code: 4,
      stdout: '',
      stderr: 'refused with NOT_FOUND (USER_NOT_FOUND): user "eve" not found: check the id or create the user\n',
    });
    expect(await run('ada', { ADDRESS: 'nowhere' })).toMatchObject({
      code: 2,
      stderr: 'invalid ADDRESS "nowhere": use <host>:<port>\n',
    });
    await mesh.stop();
    await using program = start('ada');
    await program.printed(/^ada is unknown: the user service is not available$/m);
  });
});
