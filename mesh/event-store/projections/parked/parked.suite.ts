import { expect, it } from 'vitest';
import type { NewDatabaseUrl } from '../../../testing/databases.ts';
import { eventually } from '../../../testing/eventually.ts';
import { added } from '../../testing/fixture.ts';
import { createTotals, makeProjector, openTotals } from '../../testing/totals.ts';
import { totalsOf } from '../../testing/totals-table.ts';

/** What a projector does with an event that its projection throws on, on every database. */
export function parkedEventSuite(newUrl: NewDatabaseUrl): void {
  it('parks it with the rest of its stream, and continues with other streams', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    projection.refuses = ({ stream, version }) => stream === 'bad' && version === 2n;
    const projector = await makeProjector(opened, projection);
    await opened.store.append('bad', 0n, [added(1), added(2), added(4)]);
    for (let index = 0; index < 20; index += 1) await opened.store.append(`good-${index}`, 0n, added(1));
    await projector.start();
    await opened.store.append('good-0', 1n, added(1));
    await eventually(async () => expect(await totalsOf(opened.storage)).toMatchObject({ 'good-0': '2', bad: '1' }));
    expect(Object.keys(await totalsOf(opened.storage))).toHaveLength(21);
    await opened.store.append('bad', 3n, added(8));
    const parked = await eventually(async () => {
      const found = await Array.fromAsync(projector.deadLetters.list({}, ''));
      expect(found).toHaveLength(3);
      return found;
    });
    expect(parked[0]).toMatchObject({
      source: 'event',
      origin: 'test/totals',
      reason: 'HANDLER_FAILED',
      error: 'refused bad/2',
      attempts: 3,
      subjectId: 'bad',
      headers: { stream: 'bad', version: '2', type: 'ADDED' },
      payload: Buffer.from('{"amount":"2"}'),
    });
    expect(parked.slice(1).map(({ reason }) => reason)).toEqual(['BEHIND_PARKED', 'BEHIND_PARKED']);
    await expect(projector.admin.list()).resolves.toMatchObject([{ parkedEvents: 3 }]);
  });

  it('applies it after a redrive, and then the events parked behind it', async () => {
    const opened = await openTotals(newUrl());
    const projection = createTotals();
    projection.refuses = ({ version }) => version === 2n || version === 4n;
    const projector = await makeProjector(opened, projection);
    await projector.start();
    await opened.store.append(
      'a',
      0n,
      [1, 2, 4, 8, 16].map((amount) => added(amount)),
    );
    const [first, second] = await eventually(async () => {
      const found = await Array.fromAsync(projector.deadLetters.list({}, ''));
      expect(found).toHaveLength(4);
      return found;
    });
    const redrive = (deadLetter = first) => projector.deadLetters.redrive(deadLetter?.id ?? '');
    await expect(redrive(second)).rejects.toMatchObject({ reason: 'EVENT_BEHIND_PARKED' });
    await expect(redrive()).rejects.toThrow('refused a/2');
    await expect(projector.deadLetters.get(first?.id ?? '')).resolves.toMatchObject({ attempts: 4 });
    projection.refuses = ({ version }) => version === 4n;
    await expect(redrive()).resolves.toBe(true);
    expect(await totalsOf(opened.storage)).toEqual({ a: '7' });
    const left = await Array.fromAsync(projector.deadLetters.list({}, ''));
    expect(left.map(({ reason }) => reason)).toEqual(['HANDLER_FAILED', 'BEHIND_PARKED']);
    await expect(projector.deadLetters.discard(left[0]?.id ?? '', 'not wanted')).resolves.toBe(true);
    expect(await totalsOf(opened.storage)).toEqual({ a: '23' });
    await expect(redrive()).resolves.toBe(false);
    const closing = { outcome: 'discarded', note: 'not wanted', timeMs: expect.any(Number), requestId: '' };
    await expect(projector.deadLetters.get(left[0]?.id ?? '')).resolves.toEqual({ ...left[0], closing });
    await opened.store.append('a', 5n, added(100));
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '123' }));
  });

  it('parks a corrupt event without retries', async () => {
    const opened = await openTotals(newUrl());
    await opened.store.append('a', 0n, [added(1), added(2)]);
    await opened.store.append('b', 0n, added(3));
    await opened.storage.execute(`UPDATE event SET data = '{"amount":"900"}' WHERE stream = 'a' AND version = 2`);
    const projector = await makeProjector(opened, createTotals());
    await projector.start();
    await eventually(async () => expect(await totalsOf(opened.storage)).toEqual({ a: '1', b: '3' }));
    await expect(Array.fromAsync(projector.deadLetters.list({}, ''))).resolves.toMatchObject([
      { reason: 'EVENT_CORRUPT', attempts: 1, subjectId: 'a' },
    ]);
  });
}
