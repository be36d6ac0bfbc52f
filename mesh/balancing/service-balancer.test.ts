import { describe, expect, it } from 'vitest';
import { HealthCheckResponse_ServingStatus as ServingStatus } from '../../gen/ts/grpc/health/v1/health.ts';
import type { CallOutcome } from './balancer.ts';
import { type Balanced, balance, contract, ready } from './testing/balance.ts';
import { away, lost, settle, unimplemented } from './testing/fake-server.ts';

const unknownService = ServingStatus.SERVICE_UNKNOWN;

describe('the instances that get calls', () => {
  it('are those that are ready in discovery', async () => {
    const { find, used } = balance(3);
    expect(await used()).toEqual(['a', 'b', 'c']);
    find(ready('a'), { address: 'b', state: 'draining' });
    expect(await used()).toEqual(['a']);
  });

  it('are those whose health is good', async () => {
    const { servers, used, balancer } = balance(2);
    expect(await used()).toEqual(['a', 'b']);
    servers[1]?.show(ServingStatus.NOT_SERVING);
    expect(await used()).toEqual(['a']);
    expect(balancer.instances(contract)).toMatchObject([{ state: 'ready' }, { state: 'not-serving' }]);
    servers[1]?.show(ServingStatus.SERVING);
    expect(await used()).toEqual(['a', 'b']);
  });

  it('do not include one that hangs, also if it has no calls', async () => {
    const { servers, used, balancer, silence } = balance(2);
    expect(await used()).toEqual(['a', 'b']);
    await settle();
    await silence('b', false);
    expect(balancer.instances(contract)).toMatchObject([{ state: 'ready' }, { state: 'silent' }]);
    expect(await used()).toEqual(['a']);
    expect(servers[1]?.aborted).toBe(1);
  });

  it('show one that hung as away once it was killed', async () => {
    const { servers, used, balancer, silence, clock } = balance(2);
    await used();
    await silence('b');
    if (servers[1]) servers[1].health = away;
    clock.advance(500);
    expect(await used()).toEqual(['a']);
    expect(balancer.instances(contract)).toMatchObject([{ state: 'ready' }, { state: 'away' }]);
  });

  it('include those that say nothing of their health', async () => {
    const { servers, used } = balance(2);
    if (servers[0]) servers[0].health = undefined;
    if (servers[1]) servers[1].health = unimplemented;
    expect(await used()).toEqual(['a', 'b']);
  });

  it('exclude one that cannot be reached, until it can', async () => {
    const { servers, used, clock, log, refreshed } = balance(2);
    await used();
    servers[0]?.show(away);
    expect(await used()).toEqual(['b']);
    expect(refreshed()).toBe(1);
    if (servers[0]) servers[0].health = ServingStatus.SERVING;
    clock.advance(1_200);
    expect(await used()).toEqual(['a', 'b']);
    const about = { service: 'user', registry: 'static', address: 'a' };
    expect(log.lines).toMatchObject([
      { level: 'warn', ...about, msg: 'an instance cannot be reached' },
      { level: 'info', ...about, msg: 'an instance can be reached again' },
    ]);
    servers[0]?.show(ServingStatus.NOT_SERVING);
    await settle();
    servers[0]?.show(away);
    await settle();
    expect(log.lines.at(-1)).toMatchObject({ level: 'info', ...about, msg: 'an instance cannot be reached' });
  });

  it('are looked up again when one drains, whose successor may be known', async () => {
    const { servers, used, find, refreshed } = balance(2);
    find(ready('a'));
    await used();
    servers[0]?.show(ServingStatus.NOT_SERVING);
    await settle();
    expect(refreshed()).toBe(1);
    find(ready('a'), ready('b'));
    expect(await used()).toEqual(['b']);
  });

  it('exclude one whose connection is lost only if it cannot be reached again', async () => {
    const { servers, used, clock } = balance(2);
    await used();
    servers[0]?.show(lost);
    expect(await used()).toEqual(['a', 'b']);
    if (servers[0]) servers[0].health = away;
    clock.advance(50);
    expect(await used()).toEqual(['b']);
  });

  it('exclude one that does not serve the contract, with a warning', async () => {
    const { servers, used, log } = balance(2);
    if (servers[1]) servers[1].health = ServingStatus.SERVICE_UNKNOWN;
    await used();
    expect(await used()).toEqual(['a']);
    expect(log.lines).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        service: 'user',
        registry: 'static',
        address: 'b',
        contract,
        msg: expect.stringContaining('two services have one address'),
      }),
    );
  });

  it('are all that can be reached if none serves, and all if none can be reached', async () => {
    const { servers, used } = balance(3);
    await used();
    servers[0]?.show(ServingStatus.NOT_SERVING);
    servers[1]?.show(ServingStatus.NOT_SERVING);
    servers[2]?.show(away);
    expect(await used()).toEqual(['a', 'b']);
    servers[0]?.show(away);
    servers[1]?.show(away);
    expect(await used()).toEqual(['a', 'b', 'c']);
  });
});

describe('a retry', () => {
  const tried = new Set(['a']);

  it.each([
    ['is silent', 'silent', ({ silence }: Balanced) => silence('b')],
    ['cannot be reached', 'away', ({ servers }: Balanced) => servers[1]?.show(away)],
    ['does not serve the contract', 'not-served', ({ servers }: Balanced) => servers[1]?.show(unknownService)],
  ] as const)('goes to the instance that failed the call if the other one %s', async (_, state, spoil) => {
    const mesh = balance(2);
    await mesh.used();
    await spoil(mesh);
    await settle();
    for (const line of mesh.log.lines)
      expect(line).toMatchObject({ service: 'user', registry: 'static', address: 'b' });
    expect(mesh.balancer.instances(contract)).toMatchObject([{ state: 'ready' }, { state }]);
    expect(await mesh.call('answered', tried)).toBe('a');
  });

  it('goes to one that drains only if no other is left', async () => {
    const { find, call } = balance(3);
    find(ready('a'), { address: 'b', state: 'draining' }, ready('c'));
    expect(await call('answered', tried)).toBe('c');
    expect(await call('answered', new Set(['a', 'c']))).toBe('b');
  });

  it('that no instance has begun goes to none twice, and also to one that could not be reached', async () => {
    const { servers, used, balancer } = balance(2);
    await used();
    servers[1]?.show(away);
    await settle();
    const { failovers } = balancer.counts;
    expect(balancer.pickUntried(tried, contract)).toMatchObject({ address: 'b' });
    expect(balancer.pickUntried(new Set(['a', 'b']), contract)).toBeUndefined();
    expect(balancer.counts.failovers).toBe(failovers + 1);
  });
});

describe('an instance that fails its calls', () => {
  /** Lets it fail five calls. */
  async function eject({ call }: Balanced, instance: string, outcome: CallOutcome = 'server-fault', ms = 1) {
    const others = new Set(['a', 'b'].filter((name) => name !== instance));
    for (let calls = 0; calls < 5; calls++) expect(await call(outcome, others, ms)).toBe(instance);
  }

  it('gets none for a second after five faults in a row, and then its share', async () => {
    const mesh = balance(2);
    await mesh.used();
    await eject(mesh, 'a');
    expect(await mesh.used()).toEqual(['b']);
    expect(mesh.balancer.counts.ejections).toBe(1);
    mesh.clock.advance(1_000);
    expect(await mesh.used()).toEqual(['a', 'b']);
  });

  it('gets none for a while after five calls that it did not answer in a second, but not if they had less time', async () => {
    const mesh = balance(2);
    await mesh.used();
    await eject(mesh, 'a', 'late', 999);
    expect(await mesh.used()).toEqual(['a', 'b']);
    await eject(mesh, 'a', 'late', 1_000);
    expect(await mesh.used()).toEqual(['b']);
  });

  it('gets calls all the same if more than half of all fail', async () => {
    const mesh = balance(2);
    await mesh.used();
    await eject(mesh, 'a');
    await eject(mesh, 'b');
    expect(mesh.balancer.instances(contract)).toMatchObject([{ state: 'ejected' }, { state: 'ejected' }]);
    expect(await mesh.used()).toEqual(['a', 'b']);
  });

  it('gets calls again as soon as another process answers there', async () => {
    const mesh = balance(2);
    await mesh.used();
    await eject(mesh, 'a');
    mesh.servers[0]?.show(away);
    await mesh.used();
    if (mesh.servers[0]) mesh.servers[0].health = ServingStatus.SERVING;
    mesh.clock.advance(100);
    expect(await mesh.used()).toEqual(['a', 'b']);
  });
});
