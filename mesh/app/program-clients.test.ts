import { Metadata } from 'nice-grpc-common';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { GetUserRequest, User } from '#gen/user/v1/user.ts';
import type { EngineMethod } from '../engines/engine.ts';
import { fixedIdentity } from '../engines/tls/fixed-identity.ts';
import { toStatus } from '../errors/to-status.ts';
import { createLogger } from '../telemetry/logger.ts';
import { type Certificate, createTestCa, type TestCa } from '../testing/certificates.ts';
import { engineOfRun } from '../testing/engine-of-run.ts';
import { createClients, type ProgramClientOptions } from './program-clients.ts';

const getUser: EngineMethod<GetUserRequest, User> = {
  path: '/user.v1.UserService/GetUser',
  kind: 'unary',
  encodeRequest: (request) => GetUserRequest.encode(request).finish(),
  decodeRequest: (bytes) => GetUserRequest.decode(bytes),
  encodeResponse: (user) => User.encode(user).finish(),
  decodeResponse: (bytes) => User.decode(bytes),
};

describe('createClients', () => {
  let ca: TestCa;
  let server: Certificate;
  let own: Certificate;
  beforeAll(async () => {
    ca = await createTestCa();
    [server, own] = await Promise.all([ca.sign('127.0.0.1'), ca.sign('tool')]);
  });

  /** Serves GetUser, whose response has the token of the call as its name. Returns its address. */
  async function serve(clients?: 'required' | 'none'): Promise<string> {
    const logger = createLogger('silent');
    const host = engineOfRun.createServerHost({
      tls: clients && { identity: fixedIdentity({ ...server, ca: ca.cert }), clients },
      toStatus: (error, call) => toStatus(error, call, logger),
    });
    host.add(getUser, {
      kind: 'unary',
      handle: async (read, call) => {
        const { id } = await read();
        return User.fromPartial({ id, name: call.textMetadata('authorization') ?? 'nobody' });
      },
    });
    onTestFinished(() => host.drain(0));
    return `127.0.0.1:${await host.listen('127.0.0.1:0')}`;
  }

  /** The name that a call gets. */
  async function nameFrom(address: string, options: ProgramClientOptions, metadata = Metadata()): Promise<string> {
    const clients = await createClients(address, { engine: engineOfRun, logLevel: 'silent', ...options });
    onTestFinished(() => clients.close());
    const user = await clients.client(UserServiceContract).getUser({ id: 'ada' }, { metadata });
    return user.name;
  }

  it('sends no token by default', async () => {
    expect(await nameFrom(await serve(), {})).toBe('nobody');
  });

  it('sends a token with each call, except those that have one', async () => {
    const address = await serve();
    expect(await nameFrom(address, { token: 'a.b.c' })).toBe('Bearer a.b.c');
    expect(await nameFrom(address, { token: () => 'd.e.f' })).toBe('Bearer d.e.f');
    const other = Metadata({ authorization: 'Bearer g.h.i' });
    expect(await nameFrom(address, { token: 'a.b.c' }, other)).toBe('Bearer g.h.i');
  });

  it('refuses an address that is not valid', async () => {
    await expect(createClients('nowhere')).rejects.toThrow('invalid address "nowhere": use <host>:<port>');
  });

  it('sends no token without TLS to another machine', async () => {
    const other = '203.0.113.1:50051';
    await expect(createClients(other, { token: 'a.b.c' })).rejects.toThrow('with TLS only');
    const { client, close } = await createClients(() => other, { token: 'a.b.c', logLevel: 'silent' });
    onTestFinished(close);
    await expect(client(UserServiceContract).getUser({ id: 'ada' })).rejects.toThrow('with TLS only');
  });

  it('reaches a server with TLS, with a certificate of its own if that needs one', async () => {
    expect(await nameFrom(await serve('none'), { tls: { ca: ca.cert }, token: 'a.b.c' })).toBe('Bearer a.b.c');
    expect(await nameFrom(await serve('required'), { tls: { ca: ca.cert, ...own } })).toBe('nobody');
  });

  it('calls no server that another CA has signed', async () => {
    const tls = { ca: (await createTestCa()).cert };
    await expect(nameFrom(await serve('none'), { tls })).rejects.toMatchObject({ code: 14 });
  });
});
