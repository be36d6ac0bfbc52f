import { describe, expect, it, onTestFinished } from 'vitest';
import type { UserServiceHandlers } from '#gen/user/v1/user.contract.ts';
import { User } from '#gen/user/v1/user.ts';
import { engineNames } from '../../mesh/engines/engines.ts';
import { messageTooLarge } from '../../mesh/engines/native/grpc/errors.ts';
import type { MeshCallContext } from '../../mesh/server/call-context.ts';
import { serverDraining } from '../../mesh/server/errors.ts';
import { currentScope } from '../../mesh/telemetry/call-scope.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { edgeService } from '../../services/edge/service.ts';
import { send } from './support/http.ts';
import { userServiceWith } from './support/user-service.ts';

const ada = User.fromPartial({ id: 'ada', name: 'Ada' });

async function start(
  handlers: Partial<UserServiceHandlers>,
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const services = [userServiceWith(handlers), edgeService];
  const mesh = await startMesh(services, { HTTP_LISTEN: '127.0.0.1:0', ...environment });
  onTestFinished(() => mesh.stop());
  return mesh.httpAddress ?? '';
}

describe('a call from HTTP', () => {
  it('has the request id and the trace of its caller, and the deadline of its method', async () => {
    const calls: { requestId: string; traceparent: string | undefined; remainingMs: number }[] = [];
    const getUser = async (_: unknown, call: MeshCallContext) => {
      calls.push({
        requestId: call.requestId,
        traceparent: currentScope()?.traceparent,
        remainingMs: call.remainingMs(),
      });
      return ada;
    };
    const address = await start({ getUser });
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    const headers = { 'x-request-id': 'mine', traceparent: `00-${traceId}-b7ad6b7169203331-01` };
    expect((await send(address, 'GET', '/api/users/ada', { headers })).headers['x-request-id']).toBe('mine');
    expect(calls[0]).toMatchObject({ requestId: 'mine', traceparent: expect.stringContaining(traceId) });
    expect(calls[0]?.remainingMs).toBeGreaterThan(3_000);
    expect(calls[0]?.remainingMs).toBeLessThanOrEqual(5_000);
    const { headers: made } = await send(address, 'GET', '/api/users/ada', { headers: { 'x-request-id': 'a b' } });
    expect(made['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(calls[1]?.requestId).toBe(made['x-request-id']);
  });

  it('is repeated after UNAVAILABLE, since it only reads', async () => {
    let attempts = 0;
    const address = await start({
      async getUser() {
        attempts += 1;
        if (attempts === 1) throw serverDraining();
        return ada;
      },
    });
    expect(await send(address, 'GET', '/api/users/ada')).toMatchObject({ status: 200, json: { id: 'ada' } });
    expect(attempts).toBe(2);
  });

  it.each(engineNames)('gets 500 and not 429 if an answer is too large for a message, on %s', async (engine) => {
    const large = { ...ada, name: 'a'.repeat(5_000_000) };
    const listUsers = async function* () {
      yield large;
    };
    const address = await start({ getUser: async () => large, listUsers }, { GRPC_ENGINE: engine });
    for (const path of ['/api/users/ada', '/api/users']) {
      const refused = await send(address, 'GET', path);
      expect(refused).toMatchObject({ status: 500, json: { reason: 'ANSWER_TOO_LARGE', code: 'INTERNAL' } });
    }
  });

  it.each(engineNames)('gets 413 if its service refuses the request as too large, on %s', async (engine) => {
    const getUser = () => Promise.reject(messageTooLarge({ maxBytes: 4_194_304 }));
    const address = await start({ getUser }, { GRPC_ENGINE: engine });
    const refused = await send(address, 'GET', '/api/users/ada');
    expect(refused).toMatchObject({ status: 413, json: { reason: 'MESSAGE_TOO_LARGE' } });
  });

  it('gets only the request id of an unexpected error', async () => {
    const address = await start({ getUser: () => Promise.reject(new Error('secret')) });
    const { status, json, text } = await send(address, 'GET', '/api/users/ada');
    expect({ status, json }).toMatchObject({ status: 500, json: { reason: 'INTERNAL' } });
    expect(json.detail).toContain(json.request_id);
    expect(text).not.toContain('secret');
  });

  it('takes turns by caller: many of one address do not delay another', async () => {
    const waiting = Promise.withResolvers<void>();
    const begun: string[] = [];
    const address = await start({
      async getUser({ id }) {
        begun.push(id);
        if (id === 'slow') await waiting.promise;
        return { ...ada, id };
      },
    });
    const slow = Array.from({ length: 150 }, () => send(address, 'GET', '/api/users/slow'));
    await eventually(() => expect(begun).toHaveLength(64));
    const other = await send(address, 'GET', '/api/users/other', { localAddress: '127.0.0.2' });
    expect(other).toMatchObject({ status: 200, json: { id: 'other' } });
    expect(begun.filter((id) => id === 'slow')).toHaveLength(64);
    waiting.resolve();
    expect((await Promise.all(slow)).map(({ status }) => status)).toEqual(slow.map(() => 200));
  });
});
