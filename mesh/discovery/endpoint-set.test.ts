import { beforeEach, describe, expect, it } from 'vitest';
import { type CapturedLog, captureLog } from '../testing/captured-log.ts';
import { createTestClock, type TestClock } from '../testing/test-clock.ts';
import type { FoundEndpoint } from './discovery.ts';
import { createEndpointSet, type SetOfService } from './endpoint-set.ts';

const at = (...addresses: readonly string[]) => addresses.map((address) => ({ address, state: 'ready' as const }));

describe('the set of a service', () => {
  let clock: TestClock;
  let log: CapturedLog;
  let set: SetOfService;
  let published: string[][];

  beforeEach(() => {
    clock = createTestClock();
    log = captureLog();
    published = [];
    set = createEndpointSet({ registry: 'dns:', service: 'user', clock, logger: log.logger }, ({ endpoints }) =>
      published.push(endpoints.map(({ address }) => address)),
    );
  });

  it('publishes the first answer, even an empty one, and then each other one', () => {
    set.confirm([], false);
    set.confirm(at('b:1', 'a:1'), false);
    set.confirm(at('a:1', 'b:1', 'a:1'), false);
    set.confirm(at('a:1'), false);
    expect(published).toEqual([[], ['a:1', 'b:1'], ['a:1']]);
  });

  it('publishes a change of state', () => {
    const draining: FoundEndpoint = { address: 'a:1', state: 'draining' };
    set.confirm(at('a:1'), false);
    set.confirm([draining], false);
    expect(published).toEqual([['a:1'], ['a:1']]);
    expect(set.endpoints()).toEqual([draining]);
  });

  it('keeps its endpoints after empty answers that are not certain', () => {
    set.confirm(at('a:1'), false);
    set.confirm([], false);
    set.unknown();
    clock.advance(3_600_000);
    expect(set.endpoints()).toEqual(at('a:1'));
  });

  it('is empty 30 s after an empty answer that is certain', () => {
    set.confirm(at('a:1'), true);
    set.confirm([], true);
    clock.advance(29_000);
    set.confirm([], true);
    expect(set.endpoints()).toEqual(at('a:1'));
    clock.advance(1_000);
    expect(set.endpoints()).toEqual([]);
    expect(published).toEqual([['a:1'], []]);
  });

  it('keeps its endpoints if they are back within 30 s, as in a registry that was restarted', () => {
    set.confirm(at('a:1', 'b:1'), true);
    set.confirm([], true);
    clock.advance(20_000);
    set.confirm(at('a:1'), true);
    clock.advance(60_000);
    expect(published).toEqual([['a:1', 'b:1'], ['a:1']]);
  });

  it('keeps its endpoints if the registry goes away within 30 s after an empty answer', () => {
    set.confirm(at('a:1'), true);
    set.confirm([], true);
    clock.advance(20_000);
    set.unconfirmed();
    clock.advance(60_000);
    expect(set.endpoints()).toEqual(at('a:1'));
    set.confirm([], true);
    clock.advance(29_000);
    expect(set.endpoints()).toEqual(at('a:1'));
    clock.advance(1_000);
    expect(set.endpoints()).toEqual([]);
  });

  it('ignores addresses that cannot be called, and logs them once', () => {
    const bad = ['b', 'b:0', 'b:70000', 'b c:1', '0.0.0.0:1', '[::]:1', '', `${'x'.repeat(400)}:1`];
    set.confirm([...at('a:1'), ...at(...bad)], false);
    set.confirm([...at('a:1'), ...at(...bad)], false);
    expect(published).toEqual([['a:1']]);
    expect(log.lines).toHaveLength(1);
    expect(log.lines[0]).toMatchObject({ level: 'warn', registry: 'dns:', service: 'user' });
  });

  it('keeps its endpoints, and their age, if no address of an answer can be called', () => {
    set.confirm(at('a:1'), true);
    const confirmedMs = set.confirmedMs();
    clock.advance(60_000);
    set.confirm(at('nonsense'), true);
    clock.advance(60_000);
    expect(set.endpoints()).toEqual(at('a:1'));
    expect(set.confirmedMs()).toBe(confirmedMs);
  });

  it('uses 1,000 endpoints of more, and logs that', () => {
    set.confirm(at(...Array.from({ length: 1_200 }, (_, index) => `10.0.0.1:${index + 1}`)), false);
    expect(set.endpoints()).toHaveLength(1_000);
    expect(log.lines[0]).toMatchObject({ instances: 1_200, used: 1_000 });
  });

  it('is empty from the start for a service that the registry does not know', () => {
    set.unknown();
    expect(published).toEqual([[]]);
    expect(set.confirmedMs()).toBeUndefined();
  });
});
