import { expect, it } from 'vitest';
import { runInScope } from '../telemetry/call-scope.ts';
import { scopeOf, withScopeHeaders } from './task-scope.ts';

const { signal } = new AbortController();
const task = { id: '1', payload: Buffer.alloc(0), headers: {} };
const scope = { requestId: 'r', traceparent: '', deadlineMs: undefined, signal: undefined };

/** The scope in which a task with these headers runs. */
const scopeWith = (headers: Readonly<Record<string, string>>) =>
  scopeOf({ ...task, headers, queue: 'q', attempt: 1, lastAttempt: false }, signal);

it.each([
  [
    'a service on behalf of a user',
    { caller: { service: 'order', subject: 'ali ce', roles: ['a', 'b'] } },
    { caller: { service: undefined, subject: 'ali ce', roles: [] }, actor: 'service:order;user:ali%20ce' },
  ],
  ['a service', { caller: { service: 'order', subject: undefined, roles: [] } }, { actor: 'service:order' }],
  ['an event that a user caused, in whose name it must not act', { actor: 'user:alice' }, { actor: 'user:alice' }],
  ['nobody that is known', {}, {}],
])('a task of %s runs for the same caller', (_kind, who, expected) => {
  const { headers } = runInScope({ ...scope, ...who }, () => withScopeHeaders(task));
  const { caller, actor } = scopeWith(headers);
  expect({ caller, actor }).toEqual({ caller: undefined, actor: undefined, ...expected });
});

it.each([
  ['a subject', { 'mesh-subject': 'a\nb', 'mesh-roles': 'operator' }],
  ['an actor', { actor: 'alice' }],
])('a task with %s that is not valid runs for nobody', (_kind, headers) => {
  expect(scopeWith(headers)).toMatchObject({ caller: undefined, actor: undefined });
});

it('a task has no roles, even if its headers name some', () => {
  const { caller } = scopeWith({ 'mesh-subject': 'alice', 'mesh-roles': 'operator' });
  expect(caller).toEqual({ service: undefined, subject: 'alice', roles: [] });
});
