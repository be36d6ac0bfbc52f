import { describe, expect, it } from 'vitest';
import { MeshError, Status } from '#mesh';
import { fakePart } from '../../testing/fake-parts.ts';
import { findOwners, type KnownOwners, withOwners } from './owners.ts';
import { findOwnersElsewhere } from './owners-elsewhere.ts';

const { signal } = new AbortController();
const away = () => Promise.reject(new MeshError(Status.UNAVAILABLE, 'AWAY', 'it is away'));

describe('the owners in other processes', () => {
  it('are asked for their ids in another process if the one that listed them ends', async () => {
    const first = fakePart('gift:1', { listOwners: async () => ['gift'], filterOwnIds: away });
    const second = fakePart('gift:2', { filterOwnIds: async (_owner, ids) => [...ids] });
    const groups = [{ name: 'gift', parts: [first, second] }];
    const { owners } = await findOwnersElsewhere(() => ({ groups, possible: [] }), signal);
    expect(await owners.get('gift')?.(['a'])).toEqual(['a']);
  });

  it('are asked in the processes that have taken the place of those that listed them', async () => {
    const old = fakePart('gift:1', { listOwners: async () => ['gift'], filterOwnIds: away });
    const successor = fakePart('gift:2', { filterOwnIds: async (_owner, ids) => [...ids] });
    let parts = [old];
    const { owners } = await findOwnersElsewhere(() => ({ groups: [{ name: 'gift', parts }], possible: [] }), signal);
    parts = [successor];
    expect(await owners.get('gift')?.(['a'])).toEqual(['a']);
  });

  it('may all be away while a process does not answer, and so may those that discovery has not found', async () => {
    const groups = [{ name: 'events', parts: [fakePart('events:1', { listOwners: away })] }];
    const unanswered = await findOwnersElsewhere(() => ({ groups, possible: [] }), signal);
    expect(unanswered.mayBeAway('bridge')).toBe(true);
    const unfound = await findOwnersElsewhere(() => ({ groups: [], possible: ['gift'] }), signal);
    expect(['gift', 'nobody'].map(unfound.mayBeAway)).toEqual([true, false]);
  });

  it('are asked for again during a check', async () => {
    const lists = [[], ['gift']];
    const part = fakePart('gift:1', { listOwners: async () => lists.shift() ?? [] });
    const owners = findOwners({ services: [] }, () => ({
      local: fakePart(undefined, {}),
      others: [part],
      groups: [{ name: 'gift', parts: [part] }],
      possible: [],
    }));
    const seen: boolean[] = [];
    const check = withOwners(owners, (known: KnownOwners) => ({
      name: 'test',
      // biome-ignore lint/correctness/useYield: it finds nothing
      async *run() {
        seen.push(known.has('gift'));
        await known.refresh();
        seen.push(known.has('gift'));
      },
    }));
    await Array.fromAsync(check.run({ examined: () => undefined }, signal));
    expect(seen).toEqual([false, true]);
  });
});
