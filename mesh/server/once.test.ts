import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createChannel, createClient, Status } from 'nice-grpc';
import { describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract, type UserServiceHandlers } from '../../gen/ts/user/v1/user.contract.ts';
import { User, UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { MeshError } from '../errors/mesh-error.ts';
import { createIdempotency } from '../idempotency/create-idempotency.ts';
import { openStorage } from '../storage/open.ts';
import { describeOnEachDatabase } from '../testing/databases.ts';
import { systemClock } from '../time/clock.ts';
import { serve } from './serve.ts';
import { serveForTest } from './testing/serve-echo.ts';

const notCalled = async () => Promise.reject(new Error('no test calls this'));
const handlers = Object.fromEntries(
  Object.keys(UserServiceContract.methods).map((method) => [method, notCalled]),
) as unknown as UserServiceHandlers;

describeOnEachDatabase((newUrl) => {
  it('runs a call with a request_id once and returns the first response from then on', async () => {
    const storage = await openStorage(newUrl());
    onTestFinished(() => storage.close());
    const idempotency = await createIdempotency(storage, { clock: systemClock });
    let created = 0;
    const createUser: UserServiceHandlers['createUser'] = ({ user }, { once }) =>
      once(async () => {
        created += 1;
        return { ...user, id: `user-${created}` };
      });
    const served = serve(UserServiceContract, { ...handlers, createUser }, { idempotency });
    const { server, address } = await serveForTest({ serves: [served] });
    onTestFinished(() => server.drain(0));
    const channel = createChannel(address);
    onTestFinished(() => channel.close());
    const users = createClient(UserServiceDefinition, channel);
    const request = { requestId: randomUUID(), user: { name: 'Ada', email: 'ada@example.com' } };

    const first = await users.createUser(request);
    expect(first).toEqual(User.fromPartial({ ...request.user, id: 'user-1' }));
    expect(await users.createUser(request)).toEqual(first);
    expect(await users.createUser({ user: request.user })).toMatchObject({ id: 'user-2' });
    const other = users.createUser({ ...request, user: { name: 'Eve' } });
    await expect(other).rejects.toMatchObject({ code: Status.ALREADY_EXISTS });
    expect(await storage.query('SELECT method, request_id FROM handled_request')).toEqual([
      { method: '/user.v1.UserService/CreateUser', request_id: request.requestId },
    ]);
  });
});

describe('a change that fails with UNAVAILABLE and is repeated because of the service config', () => {
  /** Creates a user through a server whose first attempt fails; `calls` counts what reached the handler. */
  async function createRepeatedly(requestId: string) {
    let calls = 0;
    const createUser: UserServiceHandlers['createUser'] = async () => {
      calls += 1;
      if (calls === 1) throw new MeshError(Status.UNAVAILABLE, 'DOWN', 'down');
      return { id: 'made' };
    };
    const served = serve(UserServiceContract, { ...handlers, createUser }, { idempotency: 'by-handler' });
    const { server, address } = await serveForTest({ serves: [served] });
    onTestFinished(() => server.drain(0));
    const config = await readFile(new URL('../../gen/service-config/user.json', import.meta.url), 'utf8');
    const channel = createChannel(address, undefined, { 'grpc.service_config': config });
    onTestFinished(() => channel.close());
    const request = { requestId, user: { name: 'Ada', email: 'ada@example.com' } };
    const outcome = await createClient(UserServiceDefinition, channel)
      .createUser(request)
      .catch((error) => error);
    return { outcome, calls };
  }

  it('is refused without a request_id, because it may have taken effect', async () => {
    const { outcome, calls } = await createRepeatedly('');
    expect(outcome).toMatchObject({ code: Status.ABORTED, details: expect.stringContaining('without a request_id') });
    expect(calls).toBe(1);
  });

  it('takes effect with a request_id', async () => {
    const { outcome, calls } = await createRepeatedly(randomUUID());
    expect(outcome).toMatchObject({ id: 'made' });
    expect(calls).toBe(2);
  });
});

it('refuses to serve a method that is idempotent by request_id without an idempotency', async () => {
  const serves = [serve(UserServiceContract, handlers)];
  await expect(serveForTest({ serves })).rejects.toThrow(
    '/user.v1.UserService/CreateUser is idempotent by request_id, but nothing stores its responses',
  );
});
