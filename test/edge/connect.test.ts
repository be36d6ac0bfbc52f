import { Code, ConnectError } from '@connectrpc/connect';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ErrorInfo } from '../../gen/ts/google/rpc/error_details.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { allServices } from '../../services/all.ts';
import { contracts, rpcProtocols, userClient } from './support/rpc-clients.ts';

let mesh: TestMesh;
let address: string;

beforeAll(async () => {
  mesh = await startMesh(allServices, { HTTP_LISTEN: '127.0.0.1:0' });
  address = mesh.httpAddress ?? '';
  const seeds = userClient(address, 'Connect with JSON');
  for (const id of ['ada', 'bob']) await seeds.createUser({ user: { id, name: id, email: `${id}@example.com` } });
});

afterAll(() => mesh.stop());

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => 'no failure',
      (error) => error,
    ),
  );
}

describe.each(rpcProtocols)('a client of %s', (protocol) => {
  it('creates and reads', async () => {
    const users = userClient(address, protocol);
    const id = protocol.replace(/\W/g, '-');
    await users.createUser({ user: { id, name: 'Käthe', email: `${id}@example.com` } });
    expect(await users.getUser({ id })).toMatchObject({ id, name: 'Käthe' });
  });

  it('gets the code, the reason and the violations of an error', async () => {
    const users = userClient(address, protocol);
    const missing = await failureOf(users.getUser({ id: 'nobody' }));
    expect(missing).toMatchObject({ code: Code.NotFound, rawMessage: expect.stringContaining('"nobody" not found') });
    const [detail] = missing.details as { type: string; value: Uint8Array }[];
    expect(detail?.type).toBe('google.rpc.ErrorInfo');
    expect(ErrorInfo.decode(detail?.value ?? new Uint8Array())).toMatchObject({ reason: 'USER_NOT_FOUND' });
    const invalid = await failureOf(users.createUser({ user: { id: '-', name: 'X', email: 'nonsense' } }));
    expect(invalid.code).toBe(Code.InvalidArgument);
    const fields = invalid
      .findDetails(contracts)
      .flatMap((found) => ('fieldViolations' in found ? (found.fieldViolations as { field: string }[]) : []))
      .map(({ field }) => field);
    expect(fields).toEqual(['user.id', 'user.email']);
  });

  it('reads a stream', async () => {
    const listed = await Array.fromAsync(userClient(address, protocol).listUsers({}));
    expect(listed.map(({ id }) => id)).toEqual(expect.arrayContaining(['ada', 'bob']));
  });

  it('gets the error of a stream', async () => {
    const call = Array.fromAsync(userClient(address, protocol).listUsers({ afterId: '-' }));
    expect(await failureOf(call)).toMatchObject({ code: Code.InvalidArgument });
  });
});

it('a client with HTTP/2 streams requests', async () => {
  const users = userClient(address, 'Connect over HTTP/2');
  async function* rows() {
    yield { user: { id: 'imported', name: 'Imported', email: 'imported@example.com' } };
    yield { user: { id: 'ada', name: 'Ada', email: 'again@example.com' } };
  }
  expect(await users.importUsers(rows())).toMatchObject({ imported: 1n, failures: [{ reason: 'USER_ID_TAKEN' }] });
});
