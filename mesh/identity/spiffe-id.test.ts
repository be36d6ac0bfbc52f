import { describe, expect, it } from 'vitest';
import { createServiceIds, defaultServiceId, parseSpiffeId, templateProblem } from './spiffe-id.ts';

const order = 'spiffe://ordermesh/order';

describe('a SPIFFE id', () => {
  it('has a trust domain and a path', () => {
    const uri = 'spiffe://prod.example_1-2/ns/shop/sa/Order';
    expect(parseSpiffeId(uri)).toEqual({ uri, trustDomain: 'prod.example_1-2', path: '/ns/shop/sa/Order' });
  });

  it.each([
    '',
    'spiffe://ordermesh',
    'spiffe://ordermesh/',
    'spiffe:///order',
    'SPIFFE://ordermesh/order',
    'https://ordermesh/order',
    'spiffe://Ordermesh/order',
    'spiffe://ordermesh:443/order',
    'spiffe://user@ordermesh/order',
    'spiffe://ordermesh/order/',
    'spiffe://ordermesh//order',
    'spiffe://ordermesh/../order',
    'spiffe://ordermesh/order/.',
    'spiffe://ordermesh/order?admin',
    'spiffe://ordermesh/order#admin',
    'spiffe://ordermesh/or%64er',
    'spiffe://ordermesh/order\n',
    'spiffe://ordermesh/order\0',
    'spiffe://ordermesh/ördér',
    `spiffe://${'a'.repeat(256)}/order`,
    `spiffe://ordermesh/${'a'.repeat(2048)}`,
  ])('is not %j', (text) => {
    expect(parseSpiffeId(text)).toBeUndefined();
  });
});

describe('the ids of services', () => {
  const istio = 'spiffe://cluster.local/ns/shop/sa/<service>';

  it.each([
    [defaultServiceId, order],
    [istio, 'spiffe://cluster.local/ns/shop/sa/order'],
  ])('by %s are as %s', (template, uri) => {
    const ids = createServiceIds(template, 'ordermesh');
    expect(ids.idOf('order')).toBe(uri);
    const id = parseSpiffeId(uri);
    expect(id && ids.serviceOf(id)).toBe('order');
  });

  it.each([
    'spiffe://cluster.local/ns/evil/sa/order',
    'spiffe://cluster.local/ns/shop/sa/order/x',
    'spiffe://cluster.local/ns/shop/sa',
    'spiffe://other/ns/shop/sa/order',
    'spiffe://cluster.local/x/ns/shop/sa/order',
  ])('name no service for %s', (uri) => {
    const id = parseSpiffeId(uri);
    expect(id).toBeDefined();
    expect(id && createServiceIds(istio, 'cluster.local').serviceOf(id)).toBeUndefined();
  });

  it.each([
    [defaultServiceId, undefined],
    [istio, undefined],
    ['spiffe://ordermesh/order', 'must contain <service> once'],
    ['spiffe://ordermesh/<service>/<service>', 'must contain <service> once'],
    ['https://ordermesh/<service>', `is no SPIFFE id: use ${defaultServiceId}`],
    ['spiffe://<service>/mesh', 'must have <service> in its path'],
  ])('can be made by %s: %j', (template, problem) => {
    expect(templateProblem(template)).toBe(problem);
  });
});
