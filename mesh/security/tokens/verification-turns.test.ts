import { expect, it } from 'vitest';
import { VerificationTurns } from './verification-turns.ts';

/** Work that ends when it is told to. */
function createWork() {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => () => {
    begun.push(name);
    return new Promise<void>((resolve) => ends.push(resolve));
  };
  /** Ends the oldest that is under way. */
  const endOne = async () => {
    ends.shift()?.();
    await new Promise(setImmediate);
  };
  return { begun, work, endOne };
}

it('lets others in between the verifications of one peer', async () => {
  const turns = new VerificationTurns({ underWay: 2, waiting: 10, waitingOfPeer: 10 });
  const { begun, work, endOne } = createWork();
  const all = ['a1', 'a2', 'a3', 'a4', 'a5', 'b1', 'c1', 'b2'].map((name) => turns.run(name[0] ?? '', work(name)));
  expect(begun).toEqual(['a1', 'a2']);
  for (let count = 0; count < 8; count += 1) await endOne();
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
  await Promise.all(all);
});

it('refuses what would wait for too long, and goes on after failures', async () => {
  const turns = new VerificationTurns({ underWay: 1, waiting: 3, waitingOfPeer: 2 });
  const { work, endOne } = createWork();
  const failed = expect(
    turns.run('a', async () => {
      await work('first')();
      throw new Error('no key');
    }),
  ).rejects.toThrow('no key');
  const others = ['a', 'a'].map((peer) => turns.run(peer, work(peer)));
  await expect(turns.run('a', work('a'))).rejects.toMatchObject({ reason: 'TOO_MANY_TOKENS', retryAfterMs: 1_000 });
  const last = turns.run('b', work('b'));
  await expect(turns.run('c', work('c'))).rejects.toMatchObject({ reason: 'TOO_MANY_TOKENS' });
  for (let count = 0; count < 4; count += 1) await endOne();
  await failed;
  await Promise.all([...others, last]);
});
