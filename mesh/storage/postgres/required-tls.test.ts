import { expect, it } from 'vitest';
import { withRequiredTls } from './required-tls.ts';
import { secured } from './secured.ts';

const ca = 'PEM';

it.each([
  ['postgres://mesh@10.0.0.5/shop', true],
  ['postgres://mesh@db.example:5432/shop', true],
  ['postgres://mesh@[2001:db8::1]/shop', true],
  ['postgres:///shop?host=10.0.0.5', true],
  ['postgres://mesh@10.0.0.5/shop?sslmode=disable', false],
  ['postgres://mesh@127.0.0.1:5432/shop', false],
  ['postgres://mesh@localhost/shop', false],
  ['postgres://mesh@[::1]/shop', false],
  ['postgres:///shop?host=/var/run/postgresql', false],
])('where authorities are known, %s is called with TLS: %s', (url, expected) => {
  const { ssl } = secured(url, withRequiredTls(url, { trust: { ca } }));
  expect(ssl !== undefined).toBe(expected);
});

it('leaves servers alone whose authority is not known', () => {
  expect(withRequiredTls('postgres://mesh@10.0.0.5/shop', {})).toEqual({ isRequired: false });
});
