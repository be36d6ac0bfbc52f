import { describe, expect, it } from 'vitest';
import { combineDeadLetters } from './combine.ts';
import type { DeadLetter, DeadLetterQueue } from './dead-letters.ts';

describe('combined dead letters', () => {
  it('form one list in id order, after a given id', async () => {
    const all = combineDeadLetters([queueOf('a', 'd', 'e'), queueOf(), queueOf('b', 'c', 'f')]);
    expect(await idsOf(all.list({}, ''))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(await idsOf(all.list({}, 'c'))).toEqual(['d', 'e', 'f']);
  });

  it('are read no further than requested, and each list is closed with the reader', async () => {
    const first = queueOf('a', 'c', 'e', 'g');
    const second = queueOf('b', 'd', 'f', 'h');
    for await (const deadLetter of combineDeadLetters([first, second]).list({}, '')) if (deadLetter.id === 'b') break;
    expect([first.read, second.read]).toEqual([['a', 'c'], ['b']]);
    expect([first.ended, second.ended]).toEqual([true, true]);
  });

  it('fail when one list fails, and end the others', async () => {
    const failing: DeadLetterQueue = {
      ...queueOf(),
      async *list() {
        yield deadLetterOf('b');
        throw new Error('the database is gone');
      },
    };
    const fine = queueOf('a', 'c', 'd');
    await expect(idsOf(combineDeadLetters([fine, failing]).list({}, ''))).rejects.toThrow('the database is gone');
    expect(fine.ended).toBe(true);
  });

  it('are counted in each queue', async () => {
    const all = combineDeadLetters([queueOf('a', 'd'), queueOf('b')]);
    expect(await all.count()).toMatchObject([
      { origin: 'a,d', count: 2 },
      { origin: 'b', count: 1 },
    ]);
  });

  it('are found and changed in their own queue', async () => {
    const [first, second] = [queueOf('a'), queueOf('b')];
    const all = combineDeadLetters([first, second]);
    expect((await all.get('b'))?.id).toBe('b');
    expect(await all.get('x')).toBeUndefined();
    expect(await all.redrive('b')).toBe(true);
    expect(await all.discard('a', 'why')).toBe(true);
    expect(await all.discard('x', 'why')).toBe(false);
    expect([first.changes, second.changes]).toEqual([['discard a: why'], ['redrive b']]);
  });
});

interface ListedQueue extends DeadLetterQueue {
  readonly read: string[];
  readonly changes: string[];
  readonly ended: boolean;
}

function queueOf(...ids: string[]): ListedQueue {
  const read: string[] = [];
  const changes: string[] = [];
  let ended = false;
  return {
    read,
    changes,
    get ended() {
      return ended;
    },
    async *list(_filter, afterId) {
      try {
        for (const id of ids.filter((candidate) => candidate > afterId)) {
          read.push(id);
          yield deadLetterOf(id);
        }
      } finally {
        ended = true;
      }
    },
    count: async () => [{ source: 'task', origin: ids.join(), count: ids.length, oldestTimeMs: 1 }],
    get: async (id) => (ids.includes(id) ? deadLetterOf(id) : undefined),
    async redrive(id) {
      if (!ids.includes(id)) return false;
      changes.push(`redrive ${id}`);
      return true;
    },
    async discard(id, note) {
      if (!ids.includes(id)) return false;
      changes.push(`discard ${id}: ${note}`);
      return true;
    },
  };
}

function deadLetterOf(id: string): DeadLetter {
  const times = { firstTimeMs: 1, lastTimeMs: 2 };
  const texts = { origin: 'q', reason: 'R', error: 'e', subjectId: 's' };
  return { id, source: 'task', ...texts, ...times, attempts: 1, payload: new Uint8Array(), headers: {} };
}

async function idsOf(list: AsyncIterable<DeadLetter>): Promise<string[]> {
  return (await Array.fromAsync(list)).map(({ id }) => id);
}
