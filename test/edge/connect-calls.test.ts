import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import { MeshError } from '../../mesh/errors/mesh-error.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { rpcProtocols, userClient } from './support/rpc-clients.ts';
import { userServiceWith } from './support/user-service.ts';

const ada = User.fromPartial({ id: 'ada', name: 'Ada' });

let mesh: TestMesh;
let address: string;
let seen: { metadata: Record<string, unknown>; begun: number; cancelled: number };

beforeEach(async () => {
  seen = { metadata: {}, begun: 0, cancelled: 0 };
  const untilAborted = (signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      seen.begun += 1;
      signal.addEventListener('abort', () => {
        seen.cancelled += 1;
        resolve();
      });
    });
  const users = userServiceWith({
    async getUser({ id }, { metadata, header, trailer, signal }) {
      seen.metadata = Object.fromEntries(metadata);
      header
        .set('x-head', 'of the service')
        .set('set-cookie', 'session=1')
        .set('clear-site-data', '"*"')
        .set('strict-transport-security', 'max-age=1')
        .set('alt-svc', 'h2="other.example:443"')
        .set('cross-origin-resource-policy', 'cross-origin')
        .set('x-bytes-bin', new Uint8Array([0, 255]));
      trailer.set('x-tail', 'at the end');
      if (id === 'waiting') await untilAborted(signal);
      if (id === 'refused') throw new MeshError(9, 'NOT_NOW', 'not now: try later', { retryAfterMs: 1_500 });
      return ada;
    },
    async *listUsers(_, { signal }) {
      yield ada;
      await untilAborted(signal);
    },
  });
  mesh = await startMesh([users, edgeService], {
    HTTP_LISTEN: '127.0.0.1:0',
    DRAIN_TIMEOUT_MS: '3000',
    HTTP_METADATA: 'x-tenant, x-raw-*',
  });
  address = mesh.httpAddress ?? '';
});

afterEach(() => mesh.stop());

async function failureOf(call: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(
    await call.then(
      () => 'no failure',
      (error) => error,
    ),
  );
}

describe.each(rpcProtocols)('a call by %s', (protocol) => {
  it('takes metadata to the service, and back', async () => {
    let [header, trailer] = [new Headers(), new Headers()];
    await userClient(address, protocol).getUser(
      { id: 'ada' },
      {
        headers: { 'x-tenant': 'blue', 'x-raw-bin': 'AP8', 'x-forwarded-for': '10.0.0.1', 'x-request-id': 'req-7' },
        onHeader: (received) => {
          header = received;
        },
        onTrailer: (received) => {
          trailer = received;
        },
      },
    );
    expect(seen.metadata).toMatchObject({
      'x-tenant': ['blue'],
      'x-raw-bin': [Buffer.from([0, 255])],
      'x-request-id': ['req-7'],
    });
    expect(Object.keys(seen.metadata).sort()).toEqual(
      expect.not.arrayContaining(['x-forwarded-for', 'accept', 'user-agent', 'connect-protocol-version', 'x-grpc-web']),
    );
    expect(header.get('x-head')).toBe('of the service');
    expect(header.get('x-bytes-bin')).toBe('AP8');
    expect(header.get('x-request-id')).toBe('req-7');
    // They would speak for all that the origin serves.
    for (const name of ['set-cookie', 'clear-site-data', 'strict-transport-security', 'alt-svc']) {
      expect(header.get(name)).toBeNull();
    }
    expect(header.get('cross-origin-resource-policy')).toBe('same-origin');
    expect(trailer.get('x-tail')).toBe('at the end');
  });

  it('ends at its deadline, and its service learns that', async () => {
    const call = userClient(address, protocol).getUser({ id: 'waiting' }, { timeoutMs: 1_000 });
    expect(await failureOf(call)).toMatchObject({ code: Code.DeadlineExceeded });
    await eventually(() => expect(seen).toMatchObject({ begun: 1, cancelled: 1 }));
  });

  it('is cancelled when its client leaves a stream', async () => {
    const leaving = new AbortController();
    const options = { signal: leaving.signal };
    const stream = userClient(address, protocol).listUsers({}, options)[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ done: false, value: { id: 'ada' } });
    const left = failureOf(stream.next());
    await eventually(() => expect(seen).toMatchObject({ begun: 1, cancelled: 0 }));
    leaving.abort();
    expect(await left).toMatchObject({ code: Code.Canceled });
    await eventually(() => expect(seen.cancelled).toBe(1));
  });

  it('gets the details that say when to retry', async () => {
    const refused = await failureOf(userClient(address, protocol).getUser({ id: 'refused' }));
    expect(refused).toMatchObject({ code: Code.FailedPrecondition, rawMessage: 'not now: try later' });
    const types = refused.details.map((detail) => ('type' in detail ? detail.type : detail.desc.typeName));
    expect(types).toEqual(['google.rpc.ErrorInfo', 'google.rpc.RetryInfo']);
  });

  it('is ended by a drain if it is an idle stream', async () => {
    const stream = userClient(address, protocol).listUsers({})[Symbol.asyncIterator]();
    expect(await stream.next()).toMatchObject({ done: false });
    const ended = failureOf(stream.next());
    await mesh.stop();
    expect(await ended).toMatchObject({ code: Code.Unavailable, details: [{ type: 'google.rpc.ErrorInfo' }] });
  });
});

it('an over-long timeout is as good as none', async () => {
  const path = '/user.v1.UserService/GetUser';
  const headers = { 'connect-timeout-ms': '9999999999' };
  expect(await send(address, 'POST', path, { headers, body: { id: 'ada' } })).toMatchObject({ status: 200 });
});
