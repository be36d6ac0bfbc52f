import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { User } from '#gen/user/v1/user.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { bridgeService } from '../../services/bridge/service.ts';
import { edgeService } from '../../services/edge/service.ts';
import { untilAborted } from './support/listing.ts';
import { rpcProtocols, userClient } from './support/rpc-clients.ts';
import { userServiceWith } from './support/user-service.ts';

const topic = 'silent.events';
let mesh: TestMesh;

beforeAll(async () => {
  const users = userServiceWith({
    async *listUsers(_, context) {
      context.header.set('x-head', 'of the service');
      context.sendHeader();
      await untilAborted(context.signal);
      yield User.fromPartial({});
    },
  });
  mesh = await startMesh([users, bridgeService, edgeService], { HTTP_LISTEN: '127.0.0.1:0' });
  await mesh.runtime.events.ensureTopic(topic, { partitions: 1 });
});

afterAll(() => mesh.stop());

/** Opens a stream over Connect; resolves with its headers, once it has them. */
async function openStream(method: string, request: unknown): Promise<Headers> {
  const leaving = new AbortController();
  onTestFinished(() => leaving.abort());
  const message = Buffer.from(JSON.stringify(request));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  const response = await fetch(`http://${mesh.httpAddress}/${method}`, {
    method: 'POST',
    headers: { 'content-type': 'application/connect+json' },
    body: Buffer.concat([prefix, message]),
    signal: leaving.signal,
  });
  expect(response.status).toBe(200);
  return response.headers;
}

describe('a silent stream', () => {
  it.each(rpcProtocols.filter((protocol) => protocol !== 'Connect with GET'))(
    'has its head when its service has sent its headers, by %s',
    async (protocol) => {
      const { promise: opened, resolve } = Promise.withResolvers<Headers>();
      const leaving = new AbortController();
      const options = { signal: leaving.signal, onHeader: resolve };
      const ended = Array.fromAsync(userClient(mesh.httpAddress ?? '', protocol).listUsers({}, options));
      expect((await opened).get('x-head')).toBe('of the service');
      leaving.abort();
      await expect(ended).rejects.toThrow();
    },
  );

  it.each(['START_LATEST', 'START_BEGINNING'])('has its head if it subscribes at %s', async (start) => {
    const headers = await openStream('events.v1.EventService/Subscribe', { topic, start });
    expect(headers.get('resume-after')).toBe(start === 'START_LATEST' ? '0=0' : null);
  });
});
