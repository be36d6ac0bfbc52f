import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { userService } from '../../services/user/service.ts';
import { type GuardedMesh, startGuardedMesh, type TestCaller } from './start-guarded-mesh.ts';

describe('startGuardedMesh', () => {
  let mesh: GuardedMesh;
  const usersOf = async (caller?: TestCaller) => (await mesh.callAs(caller)).client(UserServiceContract);

  beforeAll(async () => {
    mesh = await startGuardedMesh([userService]);
    const users = await usersOf({ subject: 'olga', roles: ['operator'] });
    await users.createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
  });
  afterAll(() => mesh?.stop());

  it('calls as a caller, whom the contracts allow or not', async () => {
    await expect((await usersOf({ subject: 'ada' })).getUser({ id: 'ada' })).resolves.toMatchObject({ name: 'Ada' });
    const denied = { reason: 'PERMISSION_DENIED' };
    await expect((await usersOf({ subject: 'eve' })).getUser({ id: 'ada' })).rejects.toMatchObject(denied);
  });

  it('calls without a token', async () => {
    await expect((await usersOf()).getUser({ id: 'ada' })).rejects.toMatchObject({ reason: 'UNAUTHENTICATED' });
  });
});
