import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { User, UserServiceDefinition } from '#gen/user/v1/user.ts';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { userService } from './service.ts';

describeServicesOnEachDatabase('the user service', (settings) => {
  let mesh: TestMesh;
  let users: Client<UserServiceDefinition>;
  let count = 0;

  beforeAll(async () => {
    mesh = await startMesh([userService], settings());
    users = mesh.runtime.client(UserServiceContract);
  });
  afterAll(() => mesh.stop());

  function draft(values: Partial<User> = {}): Partial<User> {
    count += 1;
    return { name: `User ${count}`, email: `user${count}@example.com`, ...values };
  }

  /** The types and versions of a user's events, when the last of `expected` has come. */
  async function eventsOf(id: string, lastVersion: bigint): Promise<{ type: string; version: string }[]> {
    const found: { type: string; version: string }[] = [];
    const ending = new AbortController();
    for await (const event of mesh.runtime.events.read('user.events', { at: 'beginning' }, ending.signal)) {
      if (event.key !== id) continue;
      const { type, version } = JSON.parse(Buffer.from(event.value).toString()) as { type: string; version: string };
      found.push({ type, version });
      if (BigInt(version) === lastVersion) ending.abort();
    }
    return found;
  }

  describe('CreateUser', () => {
    it('returns a user with id, times and etag, who can be read', async () => {
      const user = await users.createUser({
        user: { name: 'Ada', email: 'Ada@Example.com', role: 'admin', etag: '7' },
      });
      expect(user).toMatchObject({ name: 'Ada', email: 'Ada@Example.com', role: 'admin', etag: '1' });
      expect(user.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
      expect(user.createTime).toEqual(user.updateTime);
      await expect(users.getUser({ id: user.id })).resolves.toEqual(user);
    });

    it('accepts the id that the caller chose and refuses it a second time', async () => {
      await users.createUser({ user: draft({ id: 'chosen' }) });
      await expect(users.createUser({ user: draft({ id: 'chosen' }) })).rejects.toMatchObject({
        code: Status.ALREADY_EXISTS,
        reason: 'USER_ID_TAKEN',
      });
    });

    it('refuses an e-mail address that differs only in case, and keeps nothing of the refused user', async () => {
      await users.createUser({ user: draft({ email: 'same@example.com' }) });
      const second = users.createUser({ user: draft({ id: 'second', email: 'SAME@example.com' }) });
      await expect(second).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'USER_EMAIL_TAKEN' });
      await expect(users.getUser({ id: 'second' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
    });

    it('reports every missing field', async () => {
      await expect(users.createUser({ user: { name: ' ' } })).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [{ field: 'user.name' }, { field: 'user.email' }],
      });
    });

    it('returns the first response for a repeated request id and refuses it with another payload', async () => {
      const request = { requestId: randomUUID(), user: draft() };
      const first = await users.createUser(request);
      await expect(users.createUser(request)).resolves.toEqual(first);
      const other = users.createUser({ ...request, user: draft() });
      await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'REQUEST_ID_REUSED' });
    });

    it('gives an e-mail address to one of many concurrent calls', async () => {
      const attempts = Array.from({ length: 20 }, () =>
        users.createUser({ user: draft({ email: 'wanted@example.com' }) }),
      );
      const outcomes = await Promise.allSettled(attempts);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });
  });

  describe('BatchGetUsers', () => {
    it('returns the users in the order of the request, once each, and the ids that do not exist', async () => {
      for (const id of ['batch-a', 'batch-b', 'batch-c']) await users.createUser({ user: draft({ id }) });
      const answer = await users.batchGetUsers({ ids: ['batch-c', 'none', 'batch-a', 'batch-c', 'nobody', 'batch-b'] });
      expect(answer.users.map(({ id }) => id)).toEqual(['batch-c', 'batch-a', 'batch-b']);
      expect(answer.missingIds).toEqual(['none', 'nobody']);
    });
  });

  describe('UpdateUser', () => {
    it('changes the fields of the mask and no others', async () => {
      const { id } = await users.createUser({ user: draft({ role: 'buyer' }) });
      const values = { id, name: 'New', email: 'new-address@example.com', role: '' };
      const changed = await users.updateUser({ user: values, updateMask: ['name', 'role'] });
      expect(changed).toMatchObject({ name: 'New', role: '', etag: '2' });
      expect(changed.email).not.toBe(values.email);
      await expect(users.getUser({ id })).resolves.toEqual(changed);
    });

    it('changes non-empty fields without a mask, and all fields with *', async () => {
      const { id, email } = await users.createUser({ user: draft({ role: 'buyer' }) });
      const unmasked = await users.updateUser({ user: { id, name: 'Unmasked' } });
      expect(unmasked).toMatchObject({ name: 'Unmasked', email, role: 'buyer' });
      const all = await users.updateUser({ user: { id, name: 'All', email }, updateMask: ['*'] });
      expect(all).toMatchObject({ name: 'All', email, role: '', etag: '3' });
    });

    it('refuses unknown paths and empty required fields, all in one response', async () => {
      const { id } = await users.createUser({ user: draft() });
      const update = users.updateUser({ user: { id }, updateMask: ['id', 'nick_name', 'name', 'email'] });
      await expect(update).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
        violations: [
          { field: 'update_mask', description: expect.stringContaining('"id"') },
          { field: 'update_mask', description: expect.stringContaining('"nick_name"') },
          { field: 'user.name' },
          { field: 'user.email' },
        ],
      });
    });

    it('refuses a stale etag and accepts the current one', async () => {
      const { id, etag } = await users.createUser({ user: draft() });
      const { etag: current } = await users.updateUser({ user: { id, etag, name: 'Second' } });
      const stale = users.updateUser({ user: { id, etag, name: 'Third' } });
      await expect(stale).rejects.toMatchObject({ code: Status.ABORTED, reason: 'STALE_ETAG' });
      await expect(users.updateUser({ user: { id, etag: current, name: 'Third' } })).resolves.toMatchObject({
        etag: '3',
      });
    });

    it('keeps the version when nothing changes', async () => {
      const user = await users.createUser({ user: draft() });
      await expect(users.updateUser({ user: { id: user.id, name: user.name } })).resolves.toEqual(user);
    });

    it('releases the old e-mail address, and refuses a taken one without changing anything', async () => {
      const [first, second] = [await users.createUser({ user: draft() }), await users.createUser({ user: draft() })];
      const taken = users.updateUser({ user: { id: second.id, name: 'Other', email: first.email.toUpperCase() } });
      await expect(taken).rejects.toMatchObject({ code: Status.ALREADY_EXISTS, reason: 'USER_EMAIL_TAKEN' });
      await expect(users.getUser({ id: second.id })).resolves.toEqual(second);
      await users.updateUser({ user: { id: first.id, email: 'moved@example.com' } });
      await expect(users.updateUser({ user: { id: second.id, email: first.email } })).resolves.toMatchObject({
        email: first.email,
      });
    });

    it('accepts one of many concurrent changes of the same version', async () => {
      const { id, etag } = await users.createUser({ user: draft() });
      const attempts = Array.from({ length: 10 }, (_, index) =>
        users.updateUser({ user: { id, etag, name: `Try ${index}` } }),
      );
      const outcomes = await Promise.allSettled(attempts);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await expect(users.getUser({ id })).resolves.toMatchObject({ etag: '2' });
    });

    it('returns NOT_FOUND for an unknown user', async () => {
      const unknown = users.updateUser({ user: { id: 'unknown', name: 'Nobody' } });
      await expect(unknown).rejects.toMatchObject({ code: Status.NOT_FOUND, reason: 'USER_NOT_FOUND' });
    });
  });

  describe('DeleteUser', () => {
    it('removes the user and frees the e-mail address', async () => {
      const user = await users.createUser({ user: draft() });
      await users.deleteUser({ id: user.id, etag: user.etag });
      await expect(users.getUser({ id: user.id })).rejects.toMatchObject({ code: Status.NOT_FOUND });
      await expect(users.createUser({ user: draft({ email: user.email }) })).resolves.toMatchObject({
        email: user.email,
      });
    });

    it('refuses a stale etag and an unknown user', async () => {
      const { id } = await users.createUser({ user: draft() });
      await expect(users.deleteUser({ id, etag: '9' })).rejects.toMatchObject({ code: Status.ABORTED });
      await expect(users.deleteUser({ id: 'unknown' })).rejects.toMatchObject({ code: Status.NOT_FOUND });
    });

    it('continues the versions of an id that is used again, so an old etag stays stale', async () => {
      const first = await users.createUser({ user: draft({ id: 'again' }) });
      await users.deleteUser({ id: 'again' });
      await expect(users.createUser({ user: draft({ id: 'again' }) })).resolves.toMatchObject({ etag: '3' });
      await expect(users.deleteUser({ id: 'again', etag: first.etag })).rejects.toMatchObject({ code: Status.ABORTED });
      await users.deleteUser({ id: 'again' });
      await expect(users.createUser({ user: draft({ id: 'again' }) })).resolves.toMatchObject({ etag: '5' });
    });
  });

  describe('user.events', () => {
    it('counts the versions of an id without gap, even if creations and deletions race', async () => {
      const attempts = Array.from({ length: 12 }, () => [
        users.createUser({ user: draft({ id: 'raced' }) }),
        users.deleteUser({ id: 'raced' }),
      ]);
      const outcomes = await Promise.allSettled(attempts.flat());
      const changes = outcomes.filter(({ status }) => status === 'fulfilled').length;
      const expected = Array.from({ length: changes }, (_, index) => ({
        type: index % 2 === 0 ? 'USER_CREATED' : 'USER_DELETED',
        version: `${index + 1}`,
      }));
      await expect(eventsOf('raced', BigInt(changes))).resolves.toEqual(expected);
    });

    it('has one event per version of a user, in order', async () => {
      const { id } = await users.createUser({ user: draft({ id: 'published' }) });
      await users.updateUser({ user: { id, name: 'Told' } });
      await users.updateUser({ user: { id, name: 'Told' } });
      await users.deleteUser({ id });
      await expect(eventsOf(id, 3n)).resolves.toEqual([
        { type: 'USER_CREATED', version: '1' },
        { type: 'USER_UPDATED', version: '2' },
        { type: 'USER_DELETED', version: '3' },
      ]);
    });
  });
});
