import { type AuditCheck, type Finding, type Queryable, readPages } from '#mesh';
import { reservedStockDiffers, stockOutOfBounds } from '../errors.ts';
import { findStockAfter, type HeldStock } from '../store/item-store.ts';

/** Checks that the reserved stock of each item equals what orders hold, and is available. */
export function auditStock(db: Queryable): AuditCheck {
  return {
    name: 'inventory/reserved-stock',
    async *run(progress, signal) {
      const fetch = (sku: string, size: number) => findStockAfter(db, sku, size);
      for await (const item of readPages({ after: '', limit: 0, signal, fetch, cursorOf: ({ sku }) => sku })) {
        progress.examined(1);
        yield* faultsOf(item);
      }
    },
  };
}

function faultsOf({ sku, onHand, reserved, held }: HeldStock): Finding[] {
  const faults: Finding[] = [];
  if (reserved !== held) {
    const message = `${reserved} of item "${sku}" are reserved, but orders hold ${held}`;
    faults.push({ reason: reservedStockDiffers.reason, ids: [sku], message });
  }
  if (reserved < 0n || reserved > onHand) {
    const message = `${reserved} of item "${sku}" are reserved, which has ${onHand} on hand`;
    faults.push({ reason: stockOutOfBounds.reason, ids: [sku], message });
  }
  return faults;
}
