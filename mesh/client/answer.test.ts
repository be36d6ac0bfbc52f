import { type Client, Status } from 'nice-grpc';
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '../../gen/ts/user/v1/user.contract.ts';
import type { User, UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import { endpointsByAddress } from '../balancing/endpoint-source.ts';
import { runInScope } from '../telemetry/call-scope.ts';
import { createLogger } from '../telemetry/logger.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { createTestClock } from '../testing/test-clock.ts';
import type { Answer } from './answer.ts';
import { createClientFactory, type MeshClient } from './client-factory.ts';
import { failure, startPeerServer, user } from './testing/peer.ts';

const down = failure(Status.UNAVAILABLE, { reason: 'SERVER_DRAINING' });
const nothingKnown = { value: undefined, fromCache: true, asOf: undefined };

/** A client with a fallback for GetUser, and a server that answers with `next`, by default a user with the requested id. */
async function startUsers(keepMs?: number) {
  // The server refuses deadlines that have passed by its own clock.
  const clock = createTestClock(Date.now());
  const state: { next: ReturnType<typeof failure> | undefined; calls: number } = { next: undefined, calls: 0 };
  const server = await startPeerServer({
    getUser: ({ request }, answer) => {
      state.calls += 1;
      if (state.next) answer(state.next);
      else answer(null, { ...user(request.id), name: `call ${state.calls}` });
    },
  });
  const factory = createClientFactory({
    endpoints: endpointsByAddress({ connect: engineOfRun.connect }, () => `127.0.0.1:${server.port}`),
    clock,
    logger: createLogger('silent'),
  });
  onTestFinished(() => {
    factory.close();
    server.stop();
  });
  const users = factory.client(UserServiceContract, {
    retry: { maxAttempts: 1 },
    fallback: { getUser: keepMs === undefined ? {} : { keepMs } },
  });
  return { users, factory, clock, state };
}

describe('a method with a fallback', () => {
  it('answers with the response, which is not from the cache', async () => {
    const { users, clock } = await startUsers();

    expect(await users.getUser({ id: 'u1' })).toMatchObject({
      value: { id: 'u1', name: 'call 1' },
      fromCache: false,
      asOf: new Date(clock.now()),
    });
  });

  it.each([Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED, Status.RESOURCE_EXHAUSTED])(
    'answers with the last response to the same request while its service is unhealthy (%s)',
    async (code) => {
      const { users, clock, state } = await startUsers();
      await users.getUser({ id: 'u1' });
      clock.advance(1_000);
      const asOf = new Date(clock.now());
      await users.getUser({ id: 'u1' });
      clock.advance(1_000);
      state.next = failure(code, { reason: 'DOWN' });

      expect(await users.getUser({ id: 'u1' })).toMatchObject({
        value: { id: 'u1', name: 'call 2' },
        fromCache: true,
        asOf,
      });
      expect(await users.getUser({ id: 'u2' })).toEqual(nothingKnown);
      state.next = undefined;
      expect(await users.getUser({ id: 'u1' })).toMatchObject({ value: { name: 'call 5' }, fromCache: false });
    },
  );

  it('answers while the circuit is open, without a call', async () => {
    const { factory, state } = await startUsers();
    const users = factory.client(UserServiceContract, {
      breaker: { minimumCalls: 1 },
      retry: { maxAttempts: 1 },
      fallback: { getUser: {} },
    });
    await users.getUser({ id: 'u1' });
    state.next = down;
    for (let call = 0; call < 3; call += 1) await users.getUser({ id: 'u1' });
    const { calls } = state;

    expect(await users.getUser({ id: 'u1' })).toMatchObject({ value: { id: 'u1' }, fromCache: true });
    expect(state.calls).toBe(calls);
  });

  it('forgets a response after its time', async () => {
    const { users, clock, state } = await startUsers(5_000);
    await users.getUser({ id: 'u1' });
    state.next = down;
    clock.advance(4_999);
    expect(await users.getUser({ id: 'u1' })).toMatchObject({ fromCache: true, value: { id: 'u1' } });
    clock.advance(1);
    expect(await users.getUser({ id: 'u1' })).toEqual(nothingKnown);
  });

  it('keeps each response as it was, even if a caller changes it', async () => {
    const { users, state } = await startUsers();
    const { value } = await users.getUser({ id: 'u1' });
    if (value) value.name = 'changed';
    state.next = down;
    const kept = await users.getUser({ id: 'u1' });
    expect(kept.value?.name).toBe('call 1');
    if (kept.value) kept.value.name = 'changed';
    expect((await users.getUser({ id: 'u1' })).value?.name).toBe('call 1');
  });

  it('rejects with the answers of the service, and forgets what a refusal makes untrue', async () => {
    const { users, state } = await startUsers();
    await users.getUser({ id: 'u1' });
    state.next = failure(Status.DATA_LOSS, { reason: 'STORAGE_CORRUPT' });
    await expect(users.getUser({ id: 'u1' })).rejects.toMatchObject({ reason: 'STORAGE_CORRUPT' });
    state.next = down;
    expect(await users.getUser({ id: 'u1' })).toMatchObject({ value: { id: 'u1' } });
    state.next = failure(Status.NOT_FOUND, { reason: 'USER_NOT_FOUND' });
    await expect(users.getUser({ id: 'u1' })).rejects.toMatchObject({ reason: 'USER_NOT_FOUND' });
    state.next = down;
    expect(await users.getUser({ id: 'u1' })).toEqual(nothingKnown);
  });

  it('answers nobody with what the service answered another user, or one with other roles', async () => {
    const { users, state } = await startUsers();
    const as = (subject: string, ...roles: string[]) => {
      const caller = { service: undefined, subject, roles };
      const scope = { requestId: 'r1', traceparent: '', deadlineMs: undefined, signal: undefined, caller };
      return runInScope(scope, () => users.getUser({ id: 'u1' }));
    };
    await as('ada', 'operator');
    state.next = down;
    expect(await as('ada', 'operator')).toMatchObject({ value: { id: 'u1' }, fromCache: true });
    for (const other of [as('bob', 'operator'), as('ada'), users.getUser({ id: 'u1' })])
      expect(await other).toEqual(nothingKnown);
  });

  it('rejects if nobody waits for the call that is being served', async () => {
    const { users, clock, state } = await startUsers();
    await users.getUser({ id: 'u1' });
    state.next = down;
    const scope = { requestId: 'r1', traceparent: '', deadlineMs: undefined, signal: undefined };
    const late = { ...scope, deadlineMs: clock.now() };
    await expect(runInScope(late, () => users.getUser({ id: 'u1' }))).rejects.toMatchObject({
      reason: 'DEADLINE_EXCEEDED',
    });
    const gone = { ...scope, signal: AbortSignal.abort() };
    await expect(runInScope(gone, () => users.getUser({ id: 'u1' }))).rejects.toBeInstanceOf(Error);
    const inTime = { ...scope, deadlineMs: clock.now() + 60_000 };
    expect(await runInScope(inTime, () => users.getUser({ id: 'u1' }))).toMatchObject({ fromCache: true });
  });

  it('keeps at most 16 MiB, of the requests that were made last', async () => {
    const { users, state } = await startUsers();
    const id = (index: number) => `${index}-${'x'.repeat(1024 * 1024)}`;
    for (let index = 0; index < 8; index += 1) await users.getUser({ id: id(index) });
    state.next = down;
    expect((await users.getUser({ id: id(1) })).value).toBeDefined();
    state.next = undefined;
    await users.getUser({ id: id(8) });
    state.next = down;
    const known = await Promise.all([0, 1, 2, 8].map(async (index) => (await users.getUser({ id: id(index) })).value));
    expect(known.map((value) => value !== undefined)).toEqual([false, true, false, true]);
  });
});

describe('the fallback of a client', () => {
  it('is for methods without side effects: another does not compile, and throws', async () => {
    const { factory } = await startUsers();
    // @ts-expect-error createUser has side effects
    expect(() => factory.client(UserServiceContract, { fallback: { createUser: {} } })).toThrow(
      new TypeError('user.v1.UserService.createUser is not a unary method without side effects: remove its fallback'),
    );
    // @ts-expect-error listUsers is a stream
    expect(() => factory.client(UserServiceContract, { fallback: { listUsers: {} } })).toThrow(TypeError);
    // @ts-expect-error there is no such method
    expect(() => factory.client(UserServiceContract, { fallback: { getUsers: {} } })).toThrow(TypeError);
  });

  it('changes the type of its methods, so an answer is used neither as a response nor its client for another', async () => {
    type Users = MeshClient<UserServiceDefinition, 'getUser'>;
    expectTypeOf<ReturnType<Users['getUser']>>().toEqualTypeOf<Promise<Answer<User>>>();
    expectTypeOf<ReturnType<Users['createUser']>>().toEqualTypeOf<Promise<User>>();
    expectTypeOf<Answer<User>>().not.toExtend<User>();
    expectTypeOf<Users>().not.toExtend<Client<UserServiceDefinition>>();
    expectTypeOf<MeshClient<UserServiceDefinition>>().toExtend<Client<UserServiceDefinition>>();
    const { users } = await startUsers();
    expectTypeOf(users).toEqualTypeOf<Users>();
  });
});
