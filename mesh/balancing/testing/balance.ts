import { expect } from 'vitest';
import type { EndpointSet, FoundEndpoint } from '../../discovery/discovery.ts';
import { captureLog } from '../../testing/captured-log.ts';
import { createTestClock, type TestClock } from '../../testing/test-clock.ts';
import type { CallOutcome } from '../balancer.ts';
import { Link } from '../link.ts';
import { ServiceBalancer } from '../service-balancer.ts';
import { FakeServer, settle } from './fake-server.ts';

/** The contract that is called. */
export const contract = 'user.v1.UserService';

/** A balancer of instances of the user service that the test plays. */
export interface Balanced {
  readonly balancer: ServiceBalancer;
  readonly clock: TestClock;
  readonly servers: readonly FakeServer[];
  readonly log: ReturnType<typeof captureLog>;
  readonly refreshed: () => number;
  /** Sets the endpoints that discovery finds. */
  find(...endpoints: readonly FoundEndpoint[]): void;
  /** Makes a call, and returns the address that it went to. */
  call(outcome?: CallOutcome, tried?: ReadonlySet<string>, ms?: number): Promise<string>;
  /** Lets an instance no longer answer, which a call or the watch of its health notices. */
  silence(address: string, isCalled?: boolean): Promise<void>;
  /** The addresses that get calls. */
  used(): Promise<string[]>;
}

/** An instance as discovery finds it. */
export const ready = (address: string): FoundEndpoint => ({ address, state: 'ready' });

/** Returns a balancer of `count` instances, `a`, `b`, ..., that calls each in turn. */
export function balance(count: number): Balanced {
  const clock = createTestClock();
  const log = captureLog();
  const names = ['a', 'b', 'c', 'd', 'e'].slice(0, count);
  const servers = names.map(() => new FakeServer());
  let changed: (set: EndpointSet) => void = () => undefined;
  let refreshed = 0;
  const find = (...endpoints: readonly FoundEndpoint[]) => changed({ endpoints });
  const links = new Map<string, Link>();
  const linkTo = (address: string) => {
    const link = new Link({
      address,
      connect: () => (servers[names.indexOf(address)] ?? new FakeServer()).connect(),
      clock,
    });
    links.set(address, link);
    return link;
  };
  const balancer = new ServiceBalancer({
    service: 'user',
    discovery: {
      scheme: 'static',
      watch: (_, listener) => {
        changed = listener;
        return () => undefined;
      },
      refresh: () => {
        refreshed += 1;
      },
    },
    links: { take: linkTo, release: (link) => link.close(0) },
    policy: 'round-robin',
    clock,
    logger: log.logger,
  });
  find(...names.map(ready));
  const call = async (outcome: CallOutcome = 'answered', tried?: ReadonlySet<string>, ms = 1) => {
    await settle();
    const picked = balancer.pick(tried, contract);
    picked?.end(outcome, ms);
    return picked?.address ?? 'none';
  };
  const silence = async (address: string, isCalled = true) => {
    const link = links.get(address) ?? expect.fail('no link');
    const server = servers[names.indexOf(address)] ?? expect.fail('no server');
    server.isSilent = true;
    if (isCalled) link.begin(clock.elapsedMs());
    clock.advance(isCalled ? 1_000 : 5_000);
    link.check(clock.elapsedMs());
    await settle();
  };
  const used = async () => {
    const addresses = new Set<string>();
    for (let calls = 0; calls < 2 * count; calls++) addresses.add(await call());
    return [...addresses].toSorted();
  };
  return { balancer, clock, servers, log, refreshed: () => refreshed, find, call, silence, used };
}
