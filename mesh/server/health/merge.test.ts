import { describe, expect, it } from 'vitest';
import type { InstanceState } from '../../balancing/balancer.ts';
import type { Endpoints } from '../../balancing/endpoints.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { createHealth } from './health.ts';
import { mergeHealth } from './merge.ts';

/** Merged health of services that only a registry can know, but for `unknown`, which is not there. */
function merge() {
  const clock = createTestClock();
  const health = createHealth(clock);
  health.show('', []);
  const states = new Map<string, readonly InstanceState[]>();
  const listeners = new Map<string, Set<() => void>>();
  const endpoints = {
    knows: (service: string) => (service === 'unknown' ? 'no' : 'possible'),
    of: (service: string) => ({
      instances: () => (states.get(service) ?? []).map((state) => ({ state })),
      onChange(changed: () => void) {
        const changedOf = listeners.get(service) ?? new Set();
        listeners.set(service, changedOf.add(changed));
        return () => changedOf.delete(changed);
      },
    }),
  } as unknown as Endpoints;
  return {
    health,
    merged: mergeHealth({ endpoints, health }),
    statuses: () => Object.fromEntries(health.list().map(({ name, status }) => [name, status])),
    /** Changes the instances of a service. */
    set(service: string, ...instances: readonly InstanceState[]) {
      states.set(service, instances);
      for (const changed of listeners.get(service) ?? []) changed();
    },
    timers: () => clock.pendingMs(),
  };
}

const ownNames = { '': 'SERVING', 'ordermesh.process': 'SERVING' };

describe('merged health', () => {
  it('shows a contract as serving while its service has an instance, and leaves the health of the process alone', () => {
    const { merged, health, statuses, set, timers } = merge();
    set('user', 'away');
    merged.add(['user.v1.UserService']);
    expect(statuses()).toEqual({ ...ownNames, 'user.v1.UserService': 'NOT_SERVING' });
    expect(health.list().at(-1)?.problems).toMatchObject([{ check: 'user', reason: 'NO_ENDPOINTS' }]);
    set('user', 'away', 'ready');
    expect(statuses()).toMatchObject({ 'user.v1.UserService': 'SERVING' });
    expect(timers()).toEqual([]);
    merged.close();
    set('user', 'not-serving');
    expect(statuses()).toMatchObject({ 'user.v1.UserService': 'SERVING' });
  });

  it('shows a service that was never found, or has lost its instances, as not serving', () => {
    const { merged, health, statuses, set } = merge();
    merged.add(['order.v1.OrderService', 'unknown.v1.UnknownService']);
    expect(statuses()).toEqual({ ...ownNames, 'order.v1.OrderService': 'NOT_SERVING' });
    const { problems } = health.list().find(({ name }) => name === 'order.v1.OrderService') ?? {};
    expect(problems).toMatchObject([{ check: 'order', reason: 'NO_ENDPOINTS' }]);
    set('order', 'ready');
    expect(statuses()).toEqual({ ...ownNames, 'order.v1.OrderService': 'SERVING' });
    set('order');
    expect(statuses()).toEqual({ ...ownNames, 'order.v1.OrderService': 'NOT_SERVING' });
  });

  it('shows a contract as serving while its only instances are ejected, because they get its calls', () => {
    const { merged, statuses, set } = merge();
    set('user', 'ejected', 'ejected');
    merged.add(['user.v1.UserService']);
    expect(statuses()).toMatchObject({ 'user.v1.UserService': 'SERVING' });
  });

  it('shows contracts that are found later', () => {
    const { merged, statuses, set } = merge();
    set('user', 'ready');
    merged.add(['user.v1.UserService']);
    merged.add(['user.v1.OtherService']);
    expect(statuses()).toEqual({ ...ownNames, 'user.v1.OtherService': 'SERVING', 'user.v1.UserService': 'SERVING' });
  });
});
