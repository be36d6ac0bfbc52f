import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { ListUsersRequest } from '#gen/user/v1/user.ts';
import { declaredCursor, resumable } from '#mesh';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import {
  type BalancedUsers,
  balanceUsers,
  callSteadily,
  startUserInstance,
  type UserInstance,
} from './support/user-instances.ts';

const perSecond = 500;

let one: UserInstance;
let other: UserInstance;

beforeAll(async () => {
  [one, other] = await Promise.all([startUserInstance(), startUserInstance()]);
});

afterAll(async () => {
  await one[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

function balance(...ports: readonly number[]): BalancedUsers {
  const users = balanceUsers(ports);
  onTestFinished(() => users[Symbol.dispose]());
  return users;
}

/** The share of the calls to a port, of the next `calls`: on a busy machine those take longer. */
async function shareOf(port: number, users: BalancedUsers, calls: number): Promise<number> {
  const all = () => users.balancer.instances().reduce((sum, { picks }) => sum + picks, 0);
  const [before, allBefore] = [users.picks(port), all()];
  while (all() - allBefore < calls) await wait(10);
  return (users.picks(port) - before) / (all() - allBefore);
}

/** Resolves when the instance at a port gets a call. That takes at most a second; a busy machine gets another one. */
async function isCalledAgain(port: number, users: BalancedUsers): Promise<void> {
  const before = users.picks(port);
  await eventually(() => expect(users.picks(port)).toBeGreaterThan(before), { timeoutMs: 2_000 });
}

describe('calls to two instances of a service', () => {
  it('reach an instance again once it is back, and fail only if they were at it when it was killed', async () => {
    const users = balance(one.port, other.port);
    const client = users.client({ retry: { maxAttempts: 1 } });
    const calls = callSteadily(perSecond, () => client.getUser({ id: 'ada' }));
    expect(await shareOf(one.port, users, 500)).toBeGreaterThan(0.2);

    const [killedMs, begunBefore] = [performance.now(), calls.begun];
    await one.process.kill9();
    await wait(1_500);
    const goneMs = performance.now() - killedMs;
    const begunMeanwhile = calls.begun - begunBefore;
    const { length: sentToIt } = calls.failed;
    await one.restart();
    await isCalledAgain(one.port, users);
    await eventually(async () => expect(await shareOf(one.port, users, 50)).toBeGreaterThan(0.2));
    await calls.stop();

    expect(calls.failed).toHaveLength(sentToIt);
    // If it were not noticed that it is gone, half of them would fail.
    expect(sentToIt).toBeLessThan(begunMeanwhile / 5);
    expect(goneMs).toBeGreaterThan(1_000);
    expect(users.log.lines.filter(({ msg }) => msg === 'circuit opened')).toEqual([]);
  });

  it('do not fail if an instance is killed and their method may be repeated', async () => {
    const users = balance(one.port, other.port);
    const client = users.client();
    const calls = callSteadily(perSecond, () => client.getUser({ id: 'ada' }));
    await wait(500);
    await one.process.kill9();
    await wait(1_000);
    await calls.stop();
    await one.restart();
    expect(calls.failed).toEqual([]);
  });

  it('do not fail if an instance drains, for any method', async () => {
    const users = balance(one.port, other.port);
    const client = users.client({ retry: { maxAttempts: 1 } });
    const reads = callSteadily(perSecond, () => client.getUser({ id: 'ada' }));
    const imports = callSteadily(20, () => client.importUsers(someUsers()));
    await wait(500);
    expect(await one.process.stop()).toEqual({ code: 0, signal: null });
    await one.restart();
    await wait(500);
    await Promise.all([reads.stop(), imports.stop()]);
    expect(reads.failed).toEqual([]);
    expect(imports.failed).toEqual([]);
  });

  it('go to the other instance if one hangs, and return to it once it continues', async () => {
    const users = balance(one.port, other.port);
    const client = users.client();
    const calls = callSteadily(200, () => client.getUser({ id: 'ada' }));
    await wait(500);
    one.process.child.kill('SIGSTOP');
    onTestFinished(() => void one.process.child.kill('SIGCONT'));
    await wait(5_000);
    calls.slowestMs();
    expect(await shareOf(one.port, users, 100)).toBe(0);
    expect(calls.slowestMs()).toBeLessThan(1_000);
    one.process.child.kill('SIGCONT');
    await isCalledAgain(one.port, users);
    await eventually(async () => expect(await shareOf(one.port, users, 50)).toBeGreaterThan(0.2));
    await calls.stop();
    expect(calls.failed).toEqual([]);
    expect(users.log.lines.filter(({ msg }) => msg === 'circuit opened')).toEqual([]);
  });

  // Within 2 s and 5 s where nothing else runs; a busy machine gets three times as long.
  it('avoid an instance soon after it became slow, and return soon after it is fast again', async () => {
    await using slow = await startFaultProxy(one.port);
    await using fast = await startFaultProxy(other.port);
    const users = balance(slow.port, fast.port);
    const client = users.client();
    const calls = callSteadily(200, () => client.getUser({ id: 'ada' }));
    expect(await shareOf(slow.port, users, 200)).toBeGreaterThan(0.2);
    slow.latencyMs = 500;
    await eventually(async () => expect(await shareOf(slow.port, users, 60)).toBeLessThan(0.1), { timeoutMs: 6_000 });
    slow.heal();
    await eventually(async () => expect(await shareOf(slow.port, users, 100)).toBeGreaterThan(0.35), {
      timeoutMs: 15_000,
    });
    await calls.stop();
    expect(calls.failed).toEqual([]);
  });
});

describe('a resumable listing', () => {
  it('continues at another instance when its connection is cut, without gap or repeat', async () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `user-${String(index).padStart(4, '0')}`);
    const rows = async function* () {
      for (const id of ids) yield { user: { id, name: id, email: `${id}@example.com`, role: 'listed' } };
    };
    await Promise.all([one, other].map(({ process }) => process.client(UserServiceContract).importUsers(rows())));
    // So slow that the list has not arrived when it is cut off.
    await using first = await startFaultProxy(one.port, { bytesPerSecond: 200_000 });
    await using second = await startFaultProxy(other.port, { bytesPerSecond: 200_000 });
    const users = balance(first.port, second.port);
    const client = users.client();
    let calls = 0;
    const listUsers = resumable((request: Partial<ListUsersRequest>, options) => {
      calls += 1;
      return client.listUsers(request, options);
    }, declaredCursor(UserServiceContract.methods.listUsers));
    const listed: string[] = [];
    for await (const { id } of listUsers({ role: 'listed' })) {
      listed.push(id);
      if (listed.length % 300 !== 0) continue;
      first.cut();
      second.cut();
      await wait(10);
    }
    expect(listed).toEqual(ids);
    expect(calls).toBeGreaterThan(2);
  });
});

async function* someUsers() {
  yield { user: { name: 'Grace', email: 'grace@example.com' } };
}
