import { Status } from 'nice-grpc';
import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../contract/contract.ts';
import { MeshError } from '../../errors/mesh-error.ts';
import type { OperatorActions } from '../../operator-actions/operator-actions.ts';
import { plainAuthenticator } from '../../security/testing/plain-authenticator.ts';
import { type EchoHandlers, echoService } from '../testing/echo-service.ts';
import { ada as message, startEcho } from '../testing/start-echo.ts';

const operator = { 'test-subject': 'u3', 'test-roles': 'operator', 'request-reason': 'a test' };
const { OK } = Status;
const methods = ['One', 'Many', 'Collect', 'Chat'];

describe('a change that an operator asks for', () => {
  const rule: AccessRule = { services: ['ops'], roles: ['operator', 'user'], owner: { in: 'request', path: ['id'] } };

  /** Serves with a record in memory, whose first entry fails if `isDown`. */
  async function startRecorded({ isDown = false, contract = {}, handlers = {} as Partial<EchoHandlers> } = {}) {
    const recorded: unknown[] = [];
    const actions: OperatorActions = {
      async begin(action) {
        if (isDown) throw new MeshError(Status.UNAVAILABLE, 'DOWN', 'down');
        return `${recorded.push(action)}`;
      },
      end: async (id, outcome) => void recorded.push([id, outcome]),
      page: async () => [],
    };
    const service = { ...echoService(handlers, { access: rule, ...contract }), actions };
    const started = await startEcho({}, {}, { serves: [service], authenticator: plainAuthenticator });
    return { ...started, recorded };
  }

  it.each(methods)('%s is recorded with who, what and its outcome', async (method) => {
    const { raw, recorded } = await startRecorded();
    expect((await raw(method, message, { ...operator, 'x-request-id': 'r1' })).status).toBe(OK);
    const path = `/test.v1.EchoService/${method}`;
    const begun = { subject: 'u3', roles: ['operator'], method: path, reason: 'a test', requestId: 'r1' };
    expect(recorded).toEqual([expect.objectContaining(begun), ['1', 'OK']]);
  });

  it('is recorded if it fails, with the reason', async () => {
    const one: EchoHandlers['one'] = async () =>
      Promise.reject(new MeshError(Status.NOT_FOUND, 'NOTE_NOT_FOUND', 'none'));
    const { raw, recorded } = await startRecorded({ handlers: { one } });
    expect((await raw('One', message, operator)).status).toBe(Status.NOT_FOUND);
    expect(recorded).toEqual([
      expect.objectContaining({ request: expect.stringContaining('"id":"u1"') }),
      ['1', 'NOTE_NOT_FOUND'],
    ]);
  });

  it('is not made if it cannot be recorded', async () => {
    let calls = 0;
    const one: EchoHandlers['one'] = async (request) => {
      calls += 1;
      return request;
    };
    const { raw } = await startRecorded({ isDown: true, handlers: { one } });
    expect((await raw('One', message, operator)).status).toBe(Status.UNAVAILABLE);
    expect(calls).toBe(0);
  });

  it('is not recorded if it only reads, or is made by a service', async () => {
    const reading = await startRecorded({ contract: { idempotency: 'no-side-effects' } });
    await reading.raw('One', message, operator);
    const { raw, recorded } = await startRecorded();
    expect((await raw('One', message, { ...operator, 'test-service': 'ops' })).status).toBe(OK);
    expect([...reading.recorded, ...recorded]).toEqual([]);
  });

  it('is in the log with what it asks for, if the service has no database', async () => {
    const { raw, lines } = await startEcho({}, { access: rule }, { authenticator: plainAuthenticator });
    expect((await raw('One', message, operator)).status).toBe(OK);
    const line = { level: 'warn', msg: 'operator action', subject: 'u3', reason: 'a test' };
    expect(lines).toContainEqual(expect.objectContaining({ ...line, request: expect.stringContaining('"id":"u1"') }));
  });
});
