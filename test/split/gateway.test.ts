import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Metadata, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '#gen/user/v1/user.ts';
import type { Client } from '#mesh';
import { grpcurl } from '../../mesh/testing/servers/go-tools.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { type StartedProcess, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';

const run = promisify(execFile);

describe('a gateway to two user services, one of them with a bridge', () => {
  let folder: TempFolder;
  let instances: StartedProcess[];
  let gateway: StartedProcess;
  let users: Client<UserServiceDefinition>;

  const start = (name: string, services: readonly string[], environment: Record<string, string> = {}) =>
    startProcess({
      dataDir: `${folder.path}/${name}`,
      args: services,
      environment: { GRPC_ENGINE: 'native', DRAIN_TIMEOUT_MS: '20000', ...environment },
    });

  beforeAll(async () => {
    folder = await tempFolder();
    instances = await Promise.all([start('1', ['user']), start('2', ['user', 'bridge'])]);
    const addresses = instances.map(({ address }) => address);
    const discovery = `static:user=${addresses.join('+')},events=${addresses[1]}`;
    gateway = await start('gateway', ['gateway'], { DISCOVERY_URL: discovery, BALANCING: 'round-robin' });
    users = gateway.client(UserServiceContract);
  });
  afterAll(async () => {
    await Promise.all([gateway, ...instances].map((started) => started.end('SIGKILL')));
    await folder[Symbol.asyncDispose]();
  });

  it('uses neither a database nor a broker, and names none', () => {
    expect(gateway.stdout()).toMatch(/services=gateway data=\S+ tls=off tokens=off pid=/);
  });

  it('spreads calls over the instances, with what callers send and get', async () => {
    // Each instance has a database of its own here, so a user is found by every second call.
    const user = await users.createUser({ user: { name: 'Ann', email: 'ann@example.org', role: 'customer' } });
    const codes = [];
    for (let call = 0; call < 4; call += 1) {
      const header = Metadata();
      const requestId = `call-${call}`;
      const answered = users.getUser(
        { id: user.id },
        {
          metadata: Metadata({ 'x-request-id': requestId }),
          onHeader: (fields) => header.set('x-request-id', fields.get('x-request-id') ?? ''),
        },
      );
      const code = await answered.then(
        () => 'OK',
        ({ reason }) => reason,
      );
      codes.push(code);
      if (code === 'OK') expect(header.get('x-request-id')).toBe(requestId);
    }
    expect(codes.toSorted()).toEqual(['OK', 'OK', 'USER_NOT_FOUND', 'USER_NOT_FOUND']);
  });

  it('passes the details of errors', async () => {
    await expect(users.getUser({ id: '' })).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: 'INVALID_FIELD',
      violations: [{ field: 'id' }],
    });
  });

  it('refuses a service that discovery does not know, as a server without the method', async () => {
    const payments = gateway.client(PaymentServiceContract);
    await expect(payments.getPayment({ orderId: 'x' })).rejects.toMatchObject({ reason: 'UNKNOWN_METHOD' });
  });

  describeWithServer(grpcurl, 'its reflection and health', () => {
    const call = async (...args: string[]) => (await run(grpcurl.path, ['-plaintext', ...args])).stdout;

    it('lists what all processes serve, once', async () => {
      expect((await call(gateway.address, 'list')).trim().split('\n')).toEqual([
        'events.v1.EventService',
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        'user.v1.UserService',
      ]);
    });

    it('describes methods and messages', async () => {
      expect(await call(gateway.address, 'describe', 'user.v1.UserService.GetUser')).toContain(
        'user.v1.GetUserRequest',
      );
    });

    it('shows the health of services and of the gateway', async () => {
      const check = (service: string) =>
        call('-d', JSON.stringify({ service }), gateway.address, 'grpc.health.v1.Health/Check');
      expect(await check('user.v1.UserService')).toContain('"SERVING"');
      expect(await check('')).toContain('"SERVING"');
    });
  });

  it('makes no call fail when an instance is killed between calls', async () => {
    await instances[0]?.kill9();
    for (let call = 0; call < 20; call += 1) {
      await expect(users.listUsers({ limit: 1 })[Symbol.asyncIterator]().next()).resolves.toBeDefined();
    }
    await expect(users.createUser({ user: { name: 'Bob', email: 'bob@example.org' } })).resolves.toBeDefined();
  });

  it('ends idle streams when it drains, so their callers continue elsewhere', async () => {
    const events = gateway.client(EventServiceContract, { retry: { maxAttempts: 1 } });
    // Idle: the events of the users that were created before may still be on their way.
    const idle = { topic: 'user.events', key: 'nobody' };
    const next = events.subscribe(idle)[Symbol.asyncIterator]().next();
    void next.catch(() => undefined);
    // The stream was sent before this call, so it is open after it.
    expect((await events.listTopics({})).topics.map(({ name }) => name)).toContain('user.events');
    const startMs = performance.now();
    const stopped = gateway.stop();
    await expect(next).rejects.toMatchObject({ reason: 'SERVER_DRAINING' });
    expect(await stopped).toMatchObject({ code: 0 });
    // Less than the drain timeout, which is for streams that are not idle.
    expect(performance.now() - startMs).toBeLessThan(12_000);
  });

  it('needs the native engine', async () => {
    const spawned = spawnProcess({
      dataDir: `${folder.path}/other`,
      args: ['gateway'],
      environment: { GRPC_ENGINE: 'grpc-js' },
    });
    expect(await spawned.ended).toMatchObject({ code: 2 });
    expect(spawned.stderr()).toContain('GRPC_ENGINE=native');
  });
});
