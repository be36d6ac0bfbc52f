import { describe, expect, it } from 'vitest';
import {
  actorOf,
  decodeRoles,
  decodeSubject,
  encodeRoles,
  encodeSubject,
  isActor,
  isRole,
  isServiceName,
  isSubject,
  maxRoles,
} from './caller-text.ts';

describe('the text of a subject', () => {
  it.each(['alice', 'auth0|5f7c', 'Ünal, Ömer', '名前', 'a b', '100%', '😀', 'x'.repeat(255)])(
    '%s survives',
    (subject) => {
      expect(isSubject(subject)).toBe(true);
      expect(encodeSubject(subject)).toMatch(/^[\x21-\x2b\x2d-\x7e]+$/);
      expect(decodeSubject(encodeSubject(subject))).toBe(subject);
    },
  );

  it.each([
    ['empty', ''],
    ['not encoded', 'a b'],
    ['encoded without need', '%61lice'],
    ['encoded in lower case', '%c3%bc'],
    ['cut', 'alice%'],
    ['not UTF-8', '%FF'],
    ['a line feed', '%0A'],
    ['NUL', 'a%00'],
    ['a C1 control character', '%C2%85'],
    ['too long', 'x'.repeat(256)],
    ['two values', 'alice, bob'],
  ])('is refused if it is %s', (_kind, text) => {
    expect(decodeSubject(text)).toBeUndefined();
  });
});

describe('the text of roles', () => {
  it.each([[[]], [['operator']], [['operator', 'a,b', 'c%']], [Array.from({ length: maxRoles }, (_, n) => `r${n}`)]])(
    'of %j survives',
    (roles) => {
      expect(roles.every(isRole)).toBe(true);
      expect(decodeRoles(encodeRoles(roles))).toEqual(roles);
    },
  );

  it.each([
    ['an empty one', 'operator,'],
    ['one that is not encoded', 'oper ator'],
    ['a control character', 'operator%0A'],
    ['a long one', 'r'.repeat(65)],
    ['too many', encodeRoles(Array.from({ length: maxRoles + 1 }, (_, n) => `r${n}`))],
  ])('is refused with %s', (_kind, text) => {
    expect(decodeRoles(text)).toBeUndefined();
  });
});

describe('an actor', () => {
  it.each([
    [{ service: undefined, subject: 'alice' }, 'user:alice'],
    [{ service: 'order', subject: undefined }, 'service:order'],
    [{ service: 'order', subject: 'a;b' }, 'service:order;user:a%3Bb'],
  ])('of %j is %s', (caller, text) => {
    expect(actorOf({ ...caller, roles: ['operator'] })).toBe(text);
    expect(isActor(text)).toBe(true);
  });

  it('is nobody without service and subject', () => {
    expect(actorOf({ service: undefined, subject: undefined, roles: [] })).toBeUndefined();
  });

  it.each(['', 'alice', 'service:order;', 'user:a b', 'user:a\nb', 'service:order user:alice', 'user:alice;service:x'])(
    'is not %j',
    (text) => {
      expect(isActor(text)).toBe(false);
    },
  );
});

describe('the name of a service', () => {
  it.each(['order', 'order-2', 'a.b_c'])('may be %s', (name) => expect(isServiceName(name)).toBe(true));
  it.each(['', 'a b', 'a/b', 'ü', 'a\n', 'x'.repeat(129)])('is not %j', (name) =>
    expect(isServiceName(name)).toBe(false),
  );
});
