import { describe, expect, it } from 'vitest';
import { captureLog } from '../testing/captured-log.ts';
import { createTestClock } from '../testing/test-clock.ts';
import { Link } from './link.ts';
import { away, FakeServer, settle } from './testing/fake-server.ts';

/** A link to a server, used by one service that has other instances or not. */
function linkTo(server: FakeServer, hasElsewhere = true) {
  const clock = createTestClock();
  const log = captureLog();
  const link = new Link({ address: 'a:1', connect: () => server.connect(), clock });
  const seen: boolean[] = [];
  link.users.add({ hasElsewhere, logger: log.logger, onSilence: () => seen.push(link.isSilent) });
  const checkAfter = async (ms: number) => {
    clock.advance(ms);
    link.check(clock.elapsedMs());
    await settle();
  };
  return { link, clock, log, seen, checkAfter };
}

describe('a server', () => {
  it('is not asked whether it is alive while no call waits, or while it answers', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    await checkAfter(5_000);
    link.begin(clock.elapsedMs());
    link.begin(clock.elapsedMs());
    await checkAfter(900);
    link.end(true, clock.elapsedMs());
    await checkAfter(900);
    expect(server.probes).toBe(0);
    await checkAfter(100);
    expect(server.probes).toBe(1);
  });

  it('is asked even if the calls that it did not answer were cancelled', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    link.begin(clock.elapsedMs());
    link.end(false, clock.elapsedMs());
    await checkAfter(1_000);
    expect(server.probes).toBe(1);
    await checkAfter(1_000);
    expect(server.probes).toBe(1);
  });

  it('is silent if it answers two probes in a row with nothing, and its calls end', async () => {
    const server = new FakeServer();
    const { link, clock, log, seen, checkAfter } = linkTo(server);
    const before = link.transport;
    server.isSilent = true;
    link.begin(clock.elapsedMs());
    await checkAfter(1_000);
    expect(server.probes).toBe(2);
    expect(server.aborted).toBe(1);
    expect(link.transport).not.toBe(before);
    expect(seen).toEqual([true]);
    expect(log.lines).toMatchObject([
      { level: 'warn', address: 'a:1', msg: expect.stringContaining('does not answer') },
    ]);
  });

  it('is asked twice a second while it is silent, and used again once it answers', async () => {
    const server = new FakeServer();
    const { link, clock, seen, checkAfter } = linkTo(server);
    server.isSilent = true;
    link.begin(clock.elapsedMs());
    await checkAfter(1_000);
    link.end(false, clock.elapsedMs());
    await checkAfter(500);
    server.health = away;
    await checkAfter(500);
    expect(server.probes).toBe(4);
    expect(link).toMatchObject({ isSilent: true, isAway: true });

    server.isSilent = false;
    server.health = 1;
    await checkAfter(500);
    expect(link).toMatchObject({ isSilent: false, isAway: false });
    expect(seen).toEqual([true, true, false]);
    await checkAfter(5_000);
    expect(server.probes).toBe(5);
  });

  it('is silent after four probes if its calls could not go elsewhere, and they end after eight', async () => {
    const server = new FakeServer();
    const { link, clock, log, seen, checkAfter } = linkTo(server, false);
    server.isSilent = true;
    link.begin(clock.elapsedMs());
    await checkAfter(1_000);
    expect(server.probes).toBe(4);
    expect(link).toMatchObject({ isSilent: true, isGivenUp: false });
    for (let probe = 5; probe < 8; probe += 1) await checkAfter(500);
    expect(server.aborted).toBe(0);
    await checkAfter(500);
    expect(server.probes).toBe(8);
    expect(server.aborted).toBe(1);
    expect(link.isGivenUp).toBe(true);
    expect(seen).toEqual([true, true]);
    expect(log.lines).toMatchObject([
      { level: 'warn', msg: expect.stringContaining('no other instance takes calls') },
      { level: 'warn', msg: expect.stringContaining('the calls that waited for it end') },
    ]);
  });

  it('keeps the calls that waited for it if it answers again in time', async () => {
    const server = new FakeServer();
    const { link, clock, seen, checkAfter } = linkTo(server, false);
    server.isSilent = true;
    link.begin(clock.elapsedMs());
    await checkAfter(1_000);
    server.isSilent = false;
    await checkAfter(500);
    expect(link).toMatchObject({ isSilent: false, isGivenUp: false });
    expect(seen).toEqual([true, false]);
    expect(server.aborted).toBe(0);
  });

  it('is not silent if it cannot be reached', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    server.health = away;
    link.begin(clock.elapsedMs());
    await checkAfter(1_000);
    expect(server.probes).toBe(1);
    expect(link.isSilent).toBe(false);
  });
});

describe('a server with open streams', () => {
  it('is asked after a second without a first message, and every 5 s after that', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    link.beginStream(clock.elapsedMs());
    await checkAfter(900);
    expect(server.probes).toBe(0);
    await checkAfter(100);
    expect(server.probes).toBe(1);
    await checkAfter(4_900);
    expect(server.probes).toBe(1);
    await checkAfter(100);
    expect(server.probes).toBe(2);
    expect(server.aborted).toBe(0);
  });

  it('is asked every 5 s while streams that have begun are silent, which ends none of them', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    const end = link.holdStream(clock.elapsedMs());
    for (let asked = 1; asked <= 5; asked += 1) {
      await checkAfter(4_900);
      expect(server.probes).toBe(asked - 1);
      await checkAfter(100);
      expect(server.probes).toBe(asked);
    }
    expect(server.aborted).toBe(0);
    end();
    await checkAfter(60_000);
    expect(server.probes).toBe(5);
  });

  it('is not asked while it sends something or answers other calls', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    link.holdStream(clock.elapsedMs());
    for (let second = 1; second <= 20; second += 1) {
      server.lastReceivedMs = second;
      await checkAfter(1_000);
    }
    for (let call = 0; call < 5; call += 1) {
      await checkAfter(4_000);
      link.begin(clock.elapsedMs());
      link.end(true, clock.elapsedMs());
    }
    expect(server.probes).toBe(0);
    await checkAfter(5_000);
    expect(server.probes).toBe(1);
  });

  it.each([
    ['before', false, 1_000],
    ['after', true, 5_000],
  ])('is silent if it stops answering %s the first message, and the streams end', async (_, isBegun, patienceMs) => {
    const server = new FakeServer();
    const { link, clock, seen, checkAfter } = linkTo(server);
    server.isSilent = true;
    if (isBegun) link.holdStream(clock.elapsedMs());
    else link.beginStream(clock.elapsedMs());
    await checkAfter(patienceMs);
    expect(server.probes).toBe(2);
    expect(server.aborted).toBe(1);
    expect(seen).toEqual([true]);
  });

  it('is not silent if it sends something instead of the answer to a probe', async () => {
    const server = new FakeServer();
    const { link, clock, checkAfter } = linkTo(server);
    server.isSilent = true;
    link.beginStream(clock.elapsedMs());
    clock.advance(1_000);
    link.check(clock.elapsedMs());
    server.lastReceivedMs = 1;
    await checkAfter(0);
    expect(server.probes).toBe(1);
    expect(link.isSilent).toBe(false);
  });
});
