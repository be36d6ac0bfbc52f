import { describe, expect, it } from 'vitest';
import type { InstanceState } from '../../balancing/balancer.ts';
import type { Endpoints } from '../../balancing/endpoints.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { createHealth } from './health.ts';
import { mergeHealth } from './merge.ts';

describe('merged health', () => {
  it('shows a contract as serving while its service has an instance, and leaves the health of the process alone', () => {
    const clock = createTestClock();
    const health = createHealth(clock);
    health.show('', []);
    const states = new Map<string, readonly InstanceState[]>([['user', ['away']]]);
    const endpoints = {
      names: () => [...states.keys()],
      of: (service: string) => ({ instances: () => (states.get(service) ?? []).map((state) => ({ state })) }),
    } as unknown as Endpoints;
    const contracts = () => ['user.v1.UserService', 'order.v1.OrderService'];
    const end = mergeHealth({ endpoints, contracts, health, clock });
    const statuses = () => Object.fromEntries(health.list().map(({ name, status }) => [name, status]));
    expect(statuses()).toEqual({ '': 'SERVING', 'ordermesh.process': 'SERVING', 'user.v1.UserService': 'NOT_SERVING' });
    expect(health.list().at(-1)?.problems).toMatchObject([{ check: 'user', reason: 'NO_ENDPOINTS' }]);
    states.set('user', ['away', 'ready']).set('order', ['ready']);
    clock.advance(250);
    expect(statuses()).toMatchObject({ 'user.v1.UserService': 'SERVING', 'order.v1.OrderService': 'SERVING' });
    end();
    states.set('user', ['not-serving']);
    clock.advance(250);
    expect(statuses()).toMatchObject({ 'user.v1.UserService': 'SERVING' });
  });
});
