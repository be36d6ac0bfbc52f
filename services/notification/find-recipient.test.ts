import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { createTestClock } from '../../mesh/testing/test-clock.ts';
import { createUserService } from '../user/service.ts';
import { createFindRecipient } from './find-recipient.ts';

let mesh: TestMesh;
let users: Client<UserServiceDefinition>;

beforeAll(async () => {
  mesh = await startMesh([createUserService]);
  users = mesh.runtime.client(UserServiceContract);
});
afterAll(() => mesh.stop());

const draft = (id: string) => ({ id, name: id, email: `${id}@example.com` });

it('keeps what the user service answered for 5 s', async () => {
  const clock = createTestClock();
  const find = createFindRecipient(users, clock);
  const user = await users.createUser({ user: draft('ada') });
  expect(await find('ada')).toMatchObject({ email: 'ada@example.com' });
  await users.updateUser({ user: { ...user, email: 'ada@example.org' } });
  clock.advance(4_999);
  expect(await find('ada')).toMatchObject({ email: 'ada@example.com' });
  clock.advance(1);
  expect(await find('ada')).toMatchObject({ email: 'ada@example.org' });
});

it('asks again for a user who was not there', async () => {
  const find = createFindRecipient(users, createTestClock());
  await expect(find('tom')).rejects.toMatchObject({ reason: 'UNKNOWN_RECIPIENT' });
  await users.createUser({ user: draft('tom') });
  expect(await find('tom')).toMatchObject({ email: 'tom@example.com' });
});
