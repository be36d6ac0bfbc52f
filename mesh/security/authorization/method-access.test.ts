import { describe, expect, it } from 'vitest';
import type { AccessRule } from '../../contract/contract.ts';
import { anonymous, type Caller } from '../../identity/caller.ts';
import { MethodAccess } from './method-access.ts';

const call = { path: '/test.v1.NoteService/Get', peer: '127.0.0.1:5' };

const caller = (parts: Partial<Caller>): Caller => ({ ...anonymous, ...parts });

/** What the rule decides: `all`, `own`, or the reason of the refusal. */
function decide(rule: AccessRule | undefined, parts: Partial<Caller>): string {
  try {
    return new MethodAccess(rule, () => undefined).admit(call, caller(parts));
  } catch (error) {
    return (error as { reason: string }).reason;
  }
}

const order = { service: 'order' };
const ada = { subject: 'ada', roles: ['user'] };
const operator = { subject: 'olga', roles: ['user', 'operator'] };
const owner: AccessRule = { owner: { in: 'request', path: ['userId'] } };

describe('admit', () => {
  it.each<[string, AccessRule | undefined, Partial<Caller>, string]>([
    ['no rule', undefined, operator, 'PERMISSION_DENIED'],
    ['no rule, nobody', undefined, {}, 'UNAUTHENTICATED'],
    ['anyone', { anyone: true }, {}, 'all'],
    ['a service that may', { services: ['order'] }, order, 'all'],
    ['another service', { services: ['order'] }, { service: 'report' }, 'PERMISSION_DENIED'],
    ['a user with the name of a service', { services: ['order'] }, { subject: 'order' }, 'PERMISSION_DENIED'],
    ['each service', { services: ['*'] }, order, 'all'],
    ['the gateway if it is named', { services: ['*', 'gateway'] }, { service: 'gateway' }, 'all'],
    ['a service called *', { services: ['order'] }, { service: '*' }, 'PERMISSION_DENIED'],
    ['nobody where each service may', { services: ['*'] }, {}, 'UNAUTHENTICATED'],
    ['the edge where each service may', { services: ['*'] }, { service: 'edge', ...ada }, 'PERMISSION_DENIED'],
    ['the gateway for nobody', { services: ['*'] }, { service: 'gateway' }, 'UNAUTHENTICATED'],
    ['the gateway for a user', owner, { service: 'gateway', ...ada }, 'own'],
    ['a role', { roles: ['operator'] }, operator, 'staff'],
    ['another role', { roles: ['operator'] }, ada, 'PERMISSION_DENIED'],
    ['a role called *', { roles: ['operator'] }, { subject: 'eve', roles: ['*'] }, 'PERMISSION_DENIED'],
    ['roles without a subject', { roles: ['operator'] }, { roles: ['operator'] }, 'UNAUTHENTICATED'],
    ['each user', { roles: ['*'] }, { subject: 'ada' }, 'all'],
    ['a service where each user may', { roles: ['*'] }, order, 'PERMISSION_DENIED'],
    ['an owner', owner, ada, 'own'],
    ['a subject that is empty', owner, { subject: '' }, 'UNAUTHENTICATED'],
    ['a service that may, for a user', { ...owner, services: ['order'] }, { ...order, ...ada }, 'all'],
    ['another service, for a user', { ...owner, services: ['order'] }, { service: 'report', ...ada }, 'own'],
    ['another service, for nobody', { ...owner, services: ['order'] }, { service: 'report' }, 'PERMISSION_DENIED'],
  ])('%s', (_, rule, who, decision) => {
    expect(decide(rule, who)).toBe(decision);
  });
});

it('says what a caller needs', () => {
  const needsOf = (rule: AccessRule) => new MethodAccess(rule, () => undefined).needs;
  expect(needsOf({ services: ['*', 'gateway'], roles: ['*'] })).toBe('any service or service gateway or any user');
  expect(needsOf({ services: ['order'], roles: ['operator'] })).toBe('service order or role operator');
});

describe('a field with the owner', () => {
  const access = new MethodAccess({ owner: { in: 'request', path: ['order', 'userId'] } }, () => undefined);

  it.each<[string, unknown, string | undefined]>([
    ['is read', { order: { userId: 'ada' } }, 'ada'],
    ['of a missing message is nobody', {}, undefined],
    ['of nothing is nobody', undefined, undefined],
    ['that is no text is nobody', { order: { userId: 7 } }, undefined],
  ])('%s', (_, message, expected) => {
    expect(access.ownerOf(message)).toBe(expected);
  });

  it.each([undefined, '', 'Ada', 'ada ', 'bob'])('refuses %j to ada', (other) => {
    expect(() => access.assertIs(call, caller(ada), other)).toThrow('is not permitted for user "ada"');
  });

  it('refuses it to a service by its name', () => {
    const text = 'is not permitted for service "order": only services that its contract names may call it';
    expect(() => access.assertIs(call, caller({ service: 'order' }), 'ada')).toThrow(text);
  });

  it('refuses nobody to nobody', () => {
    expect(() => access.assertIs(call, anonymous, undefined)).toThrow('is not permitted');
    expect(() => access.assertIs(call, caller({ subject: '' }), '')).toThrow('is not permitted');
  });
});

it('reports what a refused caller would have needed', () => {
  const needs: string[] = [];
  const rule: AccessRule = { services: ['order'], roles: ['operator'], owner: { in: 'response', path: ['userId'] } };
  const access = new MethodAccess(rule, (_, __, needed) => needs.push(needed));
  expect(() => access.admit(call, anonymous)).toThrow();
  expect(() => new MethodAccess(undefined, (_, __, needed) => needs.push(needed)).admit(call, anonymous)).toThrow();
  expect(needs).toEqual([
    'service order or role operator or owner (response userId)',
    'a rule, which the method does not have',
  ]);
});
