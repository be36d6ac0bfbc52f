import { expect, it } from 'vitest';
import { createTestClock } from '../../testing/test-clock.ts';
import { type TurnLimits, VerificationTurns } from './verification-turns.ts';

/** Starts turns. Returns the names of the work that has begun, which runs until `ends` are called. */
function start(limits: TurnLimits) {
  const clock = createTestClock();
  const turns = new VerificationTurns(clock, limits);
  const begun: string[] = [];
  const refused: string[] = [];
  const ends: (() => void)[] = [];
  const add = (name: string, peer: string, isOver?: () => boolean) => {
    const work = () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    turns.run(peer, work, isOver).catch(({ reason }) => refused.push(`${name} ${reason}`));
  };
  /** Ends everything, the oldest first. */
  const endAll = async () => {
    for (let end = ends.shift(); end !== undefined; end = ends.shift()) {
      end();
      await new Promise(setImmediate);
    }
  };
  return { turns, clock, begun, refused, add, endAll };
}

it('lets addresses and their connections take turns, and the newest of each come first', async () => {
  const { add, begun, endAll } = start({ underWay: 2, waiting: 20, waitingOfAddress: 20 });
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) add(name, '192.0.2.1:1');
  add('a-other', '192.0.2.1:2');
  add('b1', '192.0.2.2:1');
  add('b2', '192.0.2.2:1');
  expect(begun).toEqual(['a1', 'a2']);
  await endAll();
  expect(begun).toEqual(['a1', 'a2', 'a5', 'b2', 'a-other', 'b1', 'a4', 'a3']);
});

it('lets those with a wrong signature come after the others, for a minute', async () => {
  const { turns, clock, add, begun, endAll } = start({ underWay: 1, waiting: 20, waitingOfAddress: 20 });
  turns.suspect('192.0.2.1:1');
  const addAll = () => {
    add('first', '192.0.2.9:1');
    add('forger', '192.0.2.1:1');
    add('neighbour', '192.0.2.1:2');
    add('other', '192.0.2.2:1');
    add('other too', '192.0.2.2:1');
  };
  addAll();
  await endAll();
  expect(begun).toEqual(['first', 'other too', 'other', 'neighbour', 'forger']);
  begun.length = 0;
  clock.advance(60_000);
  addAll();
  await endAll();
  expect(begun).toEqual(['first', 'forger', 'other too', 'neighbour', 'other']);
});

it('passes over those whose calls have ended', async () => {
  const { add, begun, refused, endAll } = start({ underWay: 1, waiting: 20, waitingOfAddress: 20 });
  let isOver = false;
  add('first', '192.0.2.1:1');
  add('alive', '192.0.2.1:1');
  add('ended', '192.0.2.1:1', () => isOver);
  isOver = true;
  await endAll();
  expect(begun).toEqual(['first', 'alive']);
  expect(refused).toEqual(['ended TOO_MANY_TOKENS']);
});

it('refuses the oldest of the longest queue of an address that has too many', async () => {
  const { add, begun, refused, endAll } = start({ underWay: 1, waiting: 20, waitingOfAddress: 3 });
  add('first', '192.0.2.1:1');
  for (const name of ['a1', 'a2', 'a3', 'a4']) add(name, '192.0.2.1:1');
  add('neighbour', '192.0.2.1:2');
  add('other', '192.0.2.2:1');
  await endAll();
  expect(refused).toEqual(['a1 TOO_MANY_TOKENS', 'a2 TOO_MANY_TOKENS']);
  expect(begun).toEqual(['first', 'a4', 'other', 'neighbour', 'a3']);
});

it('refuses those of forgers first if too many wait in all, and none for a forger', async () => {
  const { turns, add, begun, refused, endAll } = start({ underWay: 1, waiting: 2, waitingOfAddress: 2 });
  turns.suspect('192.0.2.1:1');
  add('first', '192.0.2.9:1');
  add('forger', '192.0.2.1:1');
  add('other', '192.0.2.2:1');
  add('third', '192.0.2.3:1');
  add('forger again', '192.0.2.1:1');
  await endAll();
  expect(refused).toEqual(['forger TOO_MANY_TOKENS', 'forger again TOO_MANY_TOKENS']);
  expect(begun).toEqual(['first', 'other', 'third']);
});

it('continues after failures', async () => {
  const turns = new VerificationTurns(createTestClock(), { underWay: 1, waiting: 3, waitingOfAddress: 2 });
  const failed = turns.run('192.0.2.1:1', () => Promise.reject(new Error('no key')));
  const other = turns.run('192.0.2.1:1', async () => 'verified');
  await expect(failed).rejects.toThrow('no key');
  expect(await other).toBe('verified');
});
