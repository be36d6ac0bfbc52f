import { Status } from 'nice-grpc-common';
import { expect, it } from 'vitest';
import type { AccessRule } from '../../contract/contract.ts';
import { encodeChangeReason } from '../../operator-actions/change-reason.ts';
import type { OperatorAction, OperatorActions } from '../../operator-actions/operator-actions.ts';
import { plainAuthenticator } from '../../security/testing/plain-authenticator.ts';
import { echoService } from '../testing/echo-service.ts';
import { ada, startEcho } from '../testing/start-echo.ts';

const rule: AccessRule = { roles: ['operator'], owner: { in: 'request', path: ['id'] } };

/** Changes as a user with the role `operator`. Returns the end of the call, and the reasons that were recorded. */
async function change(subject: string, headers: Record<string, string>, method = 'One') {
  const reasons: string[] = [];
  const actions: OperatorActions = {
    begin: async ({ reason }: Pick<OperatorAction, 'reason'>) => `${reasons.push(reason)}`,
    end: async () => undefined,
    page: async () => [],
  };
  const serves = [{ ...echoService({}, { access: rule }), actions }];
  const { raw } = await startEcho({}, {}, { serves, authenticator: plainAuthenticator });
  const { status, message, details } = await raw(method, ada, {
    'test-subject': subject,
    'test-roles': 'operator',
    ...headers,
  });
  return { status, message, reason: details.reason, recorded: reasons };
}

it.each(['One', 'Many', 'Collect', 'Chat'])('a change by %s needs a reason in its metadata', async (method) => {
  expect(await change('olga', {}, method)).toEqual({
    status: Status.INVALID_ARGUMENT,
    message: `/test.v1.EchoService/${method} needs a reason, which is recorded: set the metadata \`request-reason\``,
    reason: 'REASON_MISSING',
    recorded: [],
  });
  const changed = await change('olga', { 'request-reason': 'ticket 7' }, method);
  expect(changed).toMatchObject({ status: Status.OK, recorded: ['ticket 7'] });
});

it.each([
  [encodeChangeReason(' 50 % für Ada\n'), '50 % für Ada'],
  ['50 % off', '50 % off'],
  ['%zz', '%zz'],
  ['a%00b', 'a\uFFFDb'],
  ['a'.repeat(500), 'a'.repeat(500)],
  [encodeChangeReason('é'.repeat(500)), 'é'.repeat(500)],
])('the reason %s is recorded as it was meant', async (sent, recorded) => {
  expect(await change('olga', { 'request-reason': sent })).toMatchObject({ status: Status.OK, recorded: [recorded] });
});

it('blanks are no reason, and neither is a long text', async () => {
  const blank = await change('olga', { 'request-reason': '%20%0A' });
  expect(blank).toMatchObject({ reason: 'REASON_MISSING', recorded: [] });
  const long = await change('olga', { 'request-reason': 'a'.repeat(501) });
  expect(long).toMatchObject({ status: Status.INVALID_ARGUMENT, reason: 'INVALID_FIELD', recorded: [] });
});

it('operators need none for what is theirs', async () => {
  expect(await change('u1', {})).toMatchObject({ status: Status.OK, recorded: [''] });
});
