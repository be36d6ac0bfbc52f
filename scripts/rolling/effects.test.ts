import { describe, expect, it, onTestFinished } from 'vitest';
import { EventServiceContract } from '#gen/events/v1/events.contract.ts';
import { connect } from '../../examples/support/mesh.ts';
import type { Storage } from '../../mesh/storage/storage.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { allServicesWith } from '../../test/support/all-services.ts';
import { prepareData } from '../load/prepare.ts';
import { readBefore, readEffects } from './effects.ts';
import { connectShop } from './orders.ts';

/** Starts a mesh with the data of a run, and with what breaks it. */
async function startPrepared() {
  let inventory: Storage | undefined;
  const services = allServicesWith('inventory', (runtime) => ({
    ...runtime,
    openStorage: async (...args) => {
      inventory = await runtime.openStorage(...args);
      return inventory;
    },
  }));
  const mesh = await startMesh(services);
  onTestFinished(() => mesh.stop());
  const prepared = connect(mesh.address);
  await prepareData(prepared, () => undefined);
  prepared.close();
  const shop = connectShop(mesh.runtime);
  const events = mesh.runtime.client(EventServiceContract);
  return {
    shop,
    /** An event that no consumer can decode: a dead letter of each of the two. */
    async publishUndecodable(key: string): Promise<void> {
      const value = { $case: 'payload', value: Uint8Array.of(0xff) } as const;
      await events.publish({ topic: 'order.events', key, type: 'ORDER_PLACED', value });
      await eventually(async () => {
        const letters = await Array.fromAsync(shop.deadLetters.listDeadLetters({}));
        expect(letters.filter(({ subjectId }) => subjectId === key)).toHaveLength(2);
      });
    },
    /** A finding of the audit, and stock that nobody frees. */
    async reserveFor(sku: string): Promise<void> {
      await inventory?.execute('UPDATE items SET reserved = reserved + 1 WHERE sku = $1', [sku]);
    },
  };
}

describe('the effects of a run', () => {
  it('are those since its beginning, without what earlier runs left', { timeout: 60_000 }, async () => {
    const { shop, publishUndecodable, reserveFor } = await startPrepared();
    await publishUndecodable('earlier');
    await reserveFor('load-1');
    const before = await readBefore(shop);
    expect([before.deadLetters.size, before.findings.size]).toEqual([2, 1]);
    const read = () => readEffects(shop, async () => [], { ids: [], failedCalls: 0 }, before);
    expect(await read()).toEqual({ orders: 0, lost: [], doubled: [], deadLetters: [], findings: [] });

    await publishUndecodable('later');
    await reserveFor('load-2');
    const after = await read();
    expect(after.deadLetters).toEqual([expect.stringContaining('UNDECODABLE'), expect.stringContaining('UNDECODABLE')]);
    expect(after.findings).toEqual([expect.stringContaining('load-2')]);
    expect(after.doubled).toEqual(['reserved unit of item load-2: 1 instead of 0']);
  });
});
