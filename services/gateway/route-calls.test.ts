import { describe, expect, it } from 'vitest';
import { createRoutes } from './route-calls.ts';

const declared = ['user.v1.UserService'];

describe('the routes of a gateway', () => {
  it.each([
    ['certain', [], '/order.v1.OrderService/GetOrder', 'order'],
    ['possible', [], '/user.v1.UserService/GetUser', 'user'],
    ['possible', ['billing'], '/billing.v1.BillingService/GetBill', 'billing'],
    ['possible', ['billing'], '/invented.v1.Service/Get', undefined],
    ['no', [], '/user.v1.UserService/GetUser', undefined],
  ] as const)('with a service that is %s, and %j in the registry, lead %s to %s', (known, listed, path, service) => {
    expect(createRoutes({ knows: () => known, names: () => listed }, declared)(path)).toBe(service);
  });
});
