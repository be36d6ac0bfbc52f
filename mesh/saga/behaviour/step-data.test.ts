import { expect, it } from 'vitest';
import { describeOnEachDatabase } from '../../testing/databases.ts';
import { saga } from '../saga.ts';
import { closeAfterEach, openTestStorage, reaches, startEngine } from '../testing/test-engine.ts';

describeOnEachDatabase((newUrl) => {
  closeAfterEach();

  it('gives a step data that it cannot change in place, since only what it keeps is stored', async () => {
    const storage = await openTestStorage(newUrl());
    const data = { trail: 'begun', items: [{ sku: 'A' }] };
    const answer = { paid: [1n] };
    const errors: unknown[] = [];
    const attempt = (change: () => void) => {
      try {
        change();
      } catch (error) {
        errors.push(error);
      }
    };
    const definition = saga<typeof data>('test', 1)
      .step('charge', { run: async () => answer, keep: (kept) => kept })
      .step('ship', {
        async run(given) {
          attempt(() => Object.assign(given, { trail: 'shipped' }));
          attempt(() => given.items.push({ sku: 'B' }));
          attempt(() => Object.assign(given.items[0] ?? {}, { sku: 'B' }));
          attempt(() => given.paid.push(2n));
        },
      });
    const engine = await startEngine(storage, { definition });
    await storage.transaction((tx) => engine.begin(tx, definition, { id: 'saga-1', data }));
    await reaches(engine, 'completed');
    expect(errors).toEqual(Array(4).fill(expect.any(TypeError)));
    expect([data, data.items, answer.paid].some(Object.isFrozen)).toBe(false);
  });
});
