import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { startMesh, type TestMesh } from '#mesh/testing';
import { userService } from './service.ts';

// More than two pages, and no multiple of a page.
const total = 1203;
const ids = Array.from({ length: total }, (_, index) => `u${String(index).padStart(5, '0')}`);

let mesh: TestMesh;
let users: Client<UserServiceDefinition>;

beforeAll(async () => {
  mesh = await startMesh([userService]);
  users = mesh.runtime.client(UserServiceContract);
  const { imported } = await users.importUsers(rows());
  expect(imported).toBe(BigInt(total));
});
afterAll(() => mesh.stop());

async function* rows() {
  for (const [index, id] of ids.toReversed().entries()) {
    yield { user: { id, name: id, email: `${id}@example.com`, role: index % 3 === 0 ? 'admin' : 'buyer' } };
  }
}

async function list(request: { afterId?: string; limit?: number; role?: string }): Promise<string[]> {
  const listed: string[] = [];
  for await (const { id } of users.listUsers(request)) listed.push(id);
  return listed;
}

describe('ListUsers', () => {
  it('streams all users in id order', async () => {
    await expect(list({})).resolves.toEqual(ids);
  });

  it('resumes after an id, without gap or repeat', async () => {
    const seen: string[] = [];
    for await (const { id } of users.listUsers({})) {
      seen.push(id);
      if (seen.length === 700) break;
    }
    await expect(list({ afterId: seen.at(-1) ?? '' })).resolves.toEqual(ids.slice(700));
  });

  it('stops at the limit, even at a page boundary and across pages', async () => {
    for (const limit of [1, 499, 500, 501, 1000]) await expect(list({ limit })).resolves.toEqual(ids.slice(0, limit));
    await expect(list({ limit: 5000 })).resolves.toHaveLength(total);
  });

  it('lists only users with the requested role', async () => {
    const admins = ids
      .toReversed()
      .filter((_, index) => index % 3 === 0)
      .toReversed();
    await expect(list({ role: 'admin' })).resolves.toEqual(admins);
    await expect(list({ role: 'admin', afterId: admins[9] ?? '', limit: 5 })).resolves.toEqual(admins.slice(10, 15));
    await expect(list({ role: 'nobody' })).resolves.toEqual([]);
  });
});
