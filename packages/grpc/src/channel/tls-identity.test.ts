import { expect, it } from 'vitest';
import { ReplaceableIdentity } from './tls-identity.ts';

it('gives back what was before to those that have the new material, if another cannot use it', () => {
  const identity = new ReplaceableIdentity({ key: 'old', cert: 'old', ca: '' });
  const inUse = { first: 'old', second: 'old' };
  identity.onChange(() => {
    inUse.first = String(identity.current.key);
  });
  identity.onChange(() => {
    inUse.second = String(identity.current.key);
    if (inUse.second === 'bad') throw new Error('bad cannot be used');
  });
  expect(() => identity.replace({ key: 'bad', cert: 'bad', ca: '' })).toThrow('bad cannot be used');
  expect(inUse).toEqual({ first: 'old', second: 'old' });
  identity.replace({ key: 'new', cert: 'new', ca: '' });
  expect(inUse).toEqual({ first: 'new', second: 'new' });
});
