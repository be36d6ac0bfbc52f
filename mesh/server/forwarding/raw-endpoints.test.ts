import { describe, expect, it } from 'vitest';
import type { Balancer, InstanceState } from '../../balancing/balancer.ts';
import { createTestClock } from '../../testing/test-clock.ts';
import { RawEndpoints } from './raw-endpoints.ts';

/** The connections to the instances of a service, which `find` sets, and what happened to them. */
function connections() {
  const clock = createTestClock();
  const events: string[] = [];
  const endpoints = new RawEndpoints(
    (address) => ({
      address,
      close: () => void events.push(`closed ${address}`),
      abort: () => void events.push(`aborted ${address}`),
    }),
    clock,
  );
  type Found = { readonly address: string; readonly state: InstanceState; readonly isGivenUp?: boolean };
  let instances: readonly Found[] = [];
  let changed: () => void = () => undefined;
  const balancer = {
    instances: () => instances,
    endpoints: () => instances.filter(({ state }) => state === 'ready'),
    onChange(listener: () => void) {
      changed = listener;
      return () => undefined;
    },
  } as unknown as Balancer;
  endpoints.watch(balancer);
  const find = (...found: typeof instances) => {
    instances = found;
    changed();
  };
  return { endpoints, clock, events, find };
}

describe('the connections to an instance', () => {
  it('stay while it is found, whatever its health for one of its contracts', () => {
    const { endpoints, clock, events, find } = connections();
    find({ address: 'a', state: 'ready' }, { address: 'b', state: 'not-serving' });
    const kept = [endpoints.to('a', 'user'), endpoints.to('b', 'user')];
    clock.advance(10_000);
    expect(events).toEqual([]);
    expect([endpoints.to('a', 'user'), endpoints.to('b', 'user')]).toEqual(kept);
  });

  it('end with all calls once a silent instance is given up, and not before', () => {
    const { endpoints, events, find } = connections();
    find({ address: 'a', state: 'ready' });
    const before = endpoints.to('a', 'user');
    find({ address: 'a', state: 'silent', isGivenUp: false });
    expect(events).toEqual([]);
    find({ address: 'a', state: 'silent', isGivenUp: true });
    expect(events).toEqual(['aborted a']);
    expect(endpoints.to('a', 'user')).not.toBe(before);
  });

  it('are closed once it is no longer found, with calls that have not ended after 10 minutes', () => {
    const { endpoints, clock, events, find } = connections();
    find({ address: 'a', state: 'ready' });
    endpoints.to('a', 'user');
    find();
    clock.advance(10_000);
    expect(events).toEqual(['closed a']);
    clock.advance(599_999);
    expect(events).toEqual(['closed a']);
    clock.advance(1);
    expect(events).toEqual(['closed a', 'aborted a']);
  });
});
