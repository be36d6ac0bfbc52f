import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { type InventoryServiceDefinition, ReservationState } from '#gen/inventory/v1/inventory.ts';
import { MeshError } from '#mesh';
import { describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { inventoryService } from './service.ts';

type Inventory = Client<InventoryServiceDefinition>;
type Step =
  | { readonly kind: 'adjust'; readonly item: number; readonly delta: bigint }
  | { readonly kind: 'reserve'; readonly order: number; readonly quantities: readonly bigint[] }
  | { readonly kind: 'release'; readonly order: number }
  | { readonly kind: 'commit'; readonly order: number };

const initialStock = 6n;
const itemCount = 3;
const orderCount = 4;
const unitPrice = { currencyCode: 'USD', minorUnits: 1n };
const orders = fc.nat({ max: orderCount - 1 });
const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('adjust' as const),
      item: fc.nat({ max: itemCount - 1 }),
      delta: fc.bigInt(-4n, 4n).filter((delta) => delta !== 0n),
    }),
    fc.record({
      kind: fc.constant('reserve' as const),
      order: orders,
      quantities: fc
        .array(fc.bigInt(0n, 4n), { minLength: itemCount, maxLength: itemCount })
        .filter((quantities) => quantities.some((quantity) => quantity > 0n)),
    }),
    fc.record({ kind: fc.constant('release' as const), order: orders }),
    fc.record({ kind: fc.constant('commit' as const), order: orders }),
  ),
  { minLength: 1, maxLength: 16 },
);

/** What the inventory should be, as simple as it can be said. */
interface Model {
  readonly items: { onHand: bigint; reserved: bigint }[];
  readonly orders: Map<number, { state: 'RESERVED' | 'COMMITTED' | 'RELEASED'; quantities: readonly bigint[] }>;
}

function newModel(): Model {
  return {
    items: Array.from({ length: itemCount }, () => ({ onHand: initialStock, reserved: 0n })),
    orders: new Map(),
  };
}

/** Takes a step in the model and says what the service should answer: OK or the reason of its refusal. */
function takeStep(model: Model, step: Step): string {
  if (step.kind === 'adjust') return adjust(model, step.item, step.delta);
  if (step.kind === 'reserve') return reserve(model, step.order, step.quantities);
  return end(model, step.order, step.kind === 'release' ? 'RELEASED' : 'COMMITTED');
}

function adjust({ items }: Model, index: number, delta: bigint): string {
  const item = items[index];
  if (!item || item.onHand + delta < item.reserved) return 'INSUFFICIENT_STOCK';
  item.onHand += delta;
  return 'OK';
}

function reserve(model: Model, order: number, quantities: readonly bigint[]): string {
  const before = model.orders.get(order);
  if (before?.state === 'RELEASED') return 'RESERVATION_RELEASED';
  if (before) return before.quantities.join() === quantities.join() ? 'OK' : 'RESERVATION_EXISTS';
  if (model.items.some((item, index) => item.onHand - item.reserved < (quantities[index] ?? 0n)))
    return 'INSUFFICIENT_STOCK';
  model.items.forEach((item, index) => {
    item.reserved += quantities[index] ?? 0n;
  });
  model.orders.set(order, { state: 'RESERVED', quantities });
  return 'OK';
}

function end(model: Model, order: number, state: 'COMMITTED' | 'RELEASED'): string {
  const before = model.orders.get(order);
  if (!before && state === 'COMMITTED') return 'RESERVATION_NOT_FOUND';
  if (before && before.state !== 'RESERVED') return before.state === state ? 'OK' : `RESERVATION_${before.state}`;
  const quantities = before?.quantities ?? [];
  model.items.forEach((item, index) => {
    item.reserved -= quantities[index] ?? 0n;
    if (state === 'COMMITTED') item.onHand -= quantities[index] ?? 0n;
  });
  model.orders.set(order, { state, quantities });
  return 'OK';
}

/** Items and orders of one run, under names that no other run uses. */
interface Run {
  readonly skus: readonly string[];
  readonly orderIds: readonly string[];
}

async function startRun(inventory: Inventory): Promise<Run> {
  const run = randomUUID();
  const skus = Array.from({ length: itemCount }, (_, index) => `${run}.${index}`);
  for (const sku of skus) await inventory.createItem({ item: { sku, name: sku, unitPrice, onHand: initialStock } });
  return { skus, orderIds: Array.from({ length: orderCount }, (_, index) => `${run}.order-${index}`) };
}

/** Takes a step for real: OK or the reason of the refusal. */
async function call(inventory: Inventory, run: Run, step: Step): Promise<string> {
  try {
    await send(inventory, run, step);
    return 'OK';
  } catch (error) {
    if (error instanceof MeshError) return error.reason;
    throw error;
  }
}

function send(inventory: Inventory, { skus, orderIds }: Run, step: Step): Promise<unknown> {
  if (step.kind === 'adjust') return inventory.adjustStock({ sku: skus[step.item] ?? '', delta: step.delta });
  const orderId = orderIds[step.order] ?? '';
  if (step.kind === 'release') return inventory.releaseStock({ orderId });
  if (step.kind === 'commit') return inventory.commitStock({ orderId });
  const items = skus.map((sku, index) => ({ sku, quantity: step.quantities[index] ?? 0n }));
  return inventory.reserveStock({ orderId, items: items.filter(({ quantity }) => quantity > 0n) });
}

async function readStock(inventory: Inventory, { skus }: Run): Promise<Model['items']> {
  const { items } = await inventory.batchGetItems({ skus: [...skus] });
  return items.map(({ onHand, reserved }) => ({ onHand, reserved }));
}

/** How many of each item the orders of a run have in a state. */
async function countOrdered(inventory: Inventory, run: Run, state: ReservationState): Promise<bigint[]> {
  const found = await Promise.allSettled(run.orderIds.map((orderId) => inventory.getReservation({ orderId })));
  const items = found
    .flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    .filter((reservation) => reservation.state === state)
    .flatMap((reservation) => reservation.items);
  return run.skus.map((sku) => items.filter((item) => item.sku === sku).reduce((sum, item) => sum + item.quantity, 0n));
}

/** How much the adjustments that were accepted added to each item. */
function countAdjusted(run: Run, sequence: readonly Step[], outcomes: readonly string[]): bigint[] {
  const accepted = sequence.filter((_, index) => outcomes[index] === 'OK');
  return run.skus.map((_, item) =>
    accepted.reduce((sum, step) => (step.kind === 'adjust' && step.item === item ? sum + step.delta : sum), 0n),
  );
}

describeServicesOnEachDatabase('the stock', (settings) => {
  let mesh: TestMesh;
  let inventory: Inventory;

  beforeAll(async () => {
    mesh = await startMesh([inventoryService], settings());
    inventory = mesh.runtime.client(InventoryServiceContract);
  });
  afterAll(() => mesh.stop());

  it('satisfies exactly as many concurrent orders as it has units', async () => {
    await inventory.createItem({ item: { sku: 'wanted', name: 'Wanted', unitPrice, onHand: 100n } });
    const attempts = Array.from({ length: 200 }, (_, index) =>
      inventory.reserveStock({ orderId: `wants-${index}`, items: [{ sku: 'wanted', quantity: 1n }] }),
    );
    const outcomes = await Promise.allSettled(attempts);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ reason: 'INSUFFICIENT_STOCK' });
    }
    await expect(inventory.getItem({ sku: 'wanted' })).resolves.toMatchObject({ onHand: 100n, reserved: 100n });
  });

  it('equals the model after every step', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const run = await startRun(inventory);
        const model = newModel();
        for (const step of sequence) {
          expect(await call(inventory, run, step)).toBe(takeStep(model, step));
          expect(await readStock(inventory, run)).toEqual(model.items);
        }
      }),
      { numRuns: 20 },
    );
  });

  it('stays consistent when all steps run concurrently', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const run = await startRun(inventory);
        const outcomes = await Promise.all(sequence.map((step) => call(inventory, run, step)));
        const adjusted = countAdjusted(run, sequence, outcomes);
        const held = await countOrdered(inventory, run, ReservationState.RESERVATION_STATE_RESERVED);
        const left = await countOrdered(inventory, run, ReservationState.RESERVATION_STATE_COMMITTED);
        const expected = run.skus.map((_, item) => ({
          onHand: initialStock + (adjusted[item] ?? 0n) - (left[item] ?? 0n),
          reserved: held[item],
        }));
        expect(await readStock(inventory, run)).toEqual(expected);
      }),
      { numRuns: 20 },
    );
  });
});
