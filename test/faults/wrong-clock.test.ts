import { randomUUID } from 'node:crypto';
import { afterEach, expect, it, vi } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { describeServicesOnEachDatabase } from '../../mesh/testing/databases.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { userService } from '../../services/user/service.ts';

const yearMs = 365 * 86_400_000;

describeServicesOnEachDatabase('a process whose clock is temporarily wrong', (settings) => {
  afterEach(() => vi.useRealTimers());

  /** Creates users on a mesh whose clock is off by `wrongByMs`, then stops the mesh. */
  async function createUsers(environment: Record<string, string>, wrongByMs: number, requestIds: readonly string[]) {
    // Only the date is wrong; timers and elapsed time are right.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + wrongByMs });
    const mesh = await startMesh([userService], environment);
    const users = mesh.runtime.client(UserServiceContract);
    const ids: string[] = [];
    for (const requestId of requestIds) {
      const user = { email: `${requestId}@example.org`, name: 'Ada', role: 'customer' };
      ids.push((await users.createUser({ requestId, user })).id);
    }
    await mesh.stop();
    vi.useRealTimers();
    return ids;
  }

  it.each([
    ['ahead', yearMs],
    ['behind', -yearMs],
  ])('remembers all request ids after its clock was a year %s', async (_title, wrongByMs) => {
    await using folder = await tempFolder();
    const environment = { ...settings(), DATA_DIR: folder.path };
    const [before, meanwhile, after] = [randomUUID(), randomUUID(), randomUUID()];
    const first = await createUsers(environment, 0, [before]);
    const second = await createUsers(environment, wrongByMs, [meanwhile]);
    expect(await createUsers(environment, 0, [after, before, meanwhile])).toEqual([
      expect.any(String),
      ...first,
      ...second,
    ]);
  });
});
