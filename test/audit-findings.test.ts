import { describe, expect, it } from 'vitest';
import { ProjectionServiceContract } from '#gen/ops/v1/projection.contract.ts';
import { RebuildStage } from '#gen/ops/v1/projection.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../mesh/testing/eventually.ts';
import { testAudits } from './support/audited-mesh.ts';
import { bookOrder, euros, stocked } from './support/shop.ts';

describe('the audit', () => {
  const audited = testAudits();

  it('reports an item with more reserved stock than orders hold', async () => {
    await audited.placeOfEachKind();
    await audited.change('inventory', 'UPDATE items SET reserved = reserved + 1 WHERE sku = $1', [stocked.sku]);
    expect(await audited.faults()).toEqual([`RESERVED_STOCK_DIFFERS ${stocked.sku}`]);
  });

  it.each(['FAILED', 'CANCELLED'])('reports an order that is %s but was charged and delivered', async (state) => {
    const { completed } = await audited.placeOfEachKind();
    await audited.change('order', 'UPDATE orders SET state = $2 WHERE id = $1', [completed.id, state]);
    expect(await audited.faults()).toEqual([
      `CHARGE_OF_ENDED_ORDER ${completed.id}`,
      `RESERVATION_OF_ENDED_ORDER ${completed.id}`,
    ]);
  });

  it('reports an order that is COMPLETED but was refunded and not delivered', async () => {
    const { refused } = await audited.placeOfEachKind();
    await audited.change('order', "UPDATE orders SET state = 'COMPLETED' WHERE id = $1", [refused.id]);
    expect(await audited.faults()).toEqual([
      `ORDER_NOT_RESERVED ${refused.id}`,
      `REFUND_OF_COMPLETED_ORDER ${refused.id}`,
    ]);
  });

  it('reports an order that is COMPLETED without charge and stock', async () => {
    const { soldOut } = await audited.placeOfEachKind();
    await audited.change('order', "UPDATE orders SET state = 'COMPLETED' WHERE id = $1", [soldOut.id]);
    expect(await audited.faults()).toEqual([`ORDER_NOT_CHARGED ${soldOut.id}`, `ORDER_NOT_RESERVED ${soldOut.id}`]);
  });

  it('reports a missing order', async () => {
    const { completed } = await audited.placeOfEachKind();
    await audited.change('order', 'DELETE FROM orders WHERE id = $1', [completed.id]);
    expect(await audited.faults()).toEqual([
      `CHARGE_WITHOUT_ORDER ${completed.id}`,
      `RESERVATION_WITHOUT_ORDER ${completed.id}`,
    ]);
  });

  it('reports an order with another amount or user than its charge', async () => {
    const [dearer, toms] = [await audited.placeToEnd(), await audited.placeToEnd()];
    await audited.change('order', 'UPDATE orders SET total = total + 1 WHERE id = $1', [dearer.id]);
    await audited.change('order', "UPDATE orders SET user_id = 'tom' WHERE id = $1", [toms.id]);
    expect(await audited.faults()).toEqual([`CHARGE_DIFFERS ${dearer.id}`, `CHARGE_DIFFERS ${toms.id}`]);
  });

  it('reports an ended order whose stock is still reserved', async () => {
    const { refused } = await audited.placeOfEachKind();
    await audited.change('inventory', "UPDATE reservations SET state = 'RESERVED' WHERE order_id = $1", [refused.id]);
    expect(await audited.faults()).toEqual([
      `RESERVATION_OF_ENDED_ORDER ${refused.id}`,
      `RESERVED_STOCK_DIFFERS ${stocked.sku}`,
    ]);
  });

  it('reports an order with other items than its reservation', async () => {
    const { completed } = await audited.placeOfEachKind();
    await audited.change('inventory', 'UPDATE reservation_items SET quantity = 2 WHERE order_id = $1', [completed.id]);
    expect(await audited.faults()).toEqual([`RESERVATION_DIFFERS ${completed.id}`]);
  });

  it('reports a projection row that differs from its events, until the projection is rebuilt', async () => {
    const { completed } = await audited.placeOfEachKind();
    expect(await audited.faults()).toEqual([]);
    await audited.change('payment', 'UPDATE payment_list SET amount = 1 WHERE order_id = $1', [completed.id]);
    const [row, ...others] = await audited.findings();
    expect(row).toMatchObject({ check: 'payment/payment-list', reason: 'ROW_DIFFERS' });
    expect(row?.message).toContain(completed.id);
    expect(others).toEqual([]);
    const projections = audited.mesh.runtime.client(ProjectionServiceContract);
    const rebuild = await Array.fromAsync(projections.rebuildProjection({ name: 'payment-list' }));
    expect(rebuild.at(-1)).toMatchObject({ stage: RebuildStage.REBUILD_STAGE_SWITCHED, rowsDifferent: 1n });
    expect(await audited.findings()).toEqual([]);
  });

  it('reports charges and reservations without an order', async () => {
    await audited.shop.inventory.reserveStock({ orderId: 'nobodys', items: [{ sku: stocked.sku, quantity: 1n }] });
    await audited.shop.payments.charge({ orderId: 'nobodys', userId: 'ada', amount: euros(1n) });
    expect(await audited.faults()).toEqual(['CHARGE_WITHOUT_ORDER nobodys', 'RESERVATION_WITHOUT_ORDER nobodys']);
  });

  it('reports a running order whose stock or charge was taken back', async () => {
    const held = audited.carrier.hold(2);
    const placed = [
      await audited.shop.orders.placeOrder(bookOrder()),
      await audited.shop.orders.placeOrder(bookOrder()),
    ];
    await held.arrived;
    await eventually(async () => {
      for (const { id } of placed)
        expect((await audited.shop.orders.getOrder({ id })).state).toBe(OrderState.ORDER_STATE_PAID);
    });
    expect(await audited.faults()).toEqual([]);
    const [refunded, released] = placed.map(({ id }) => id);
    await audited.shop.payments.refund({ orderId: refunded ?? '' });
    await audited.shop.inventory.releaseStock({ orderId: released ?? '' });
    expect(await audited.faults()).toEqual([`ORDER_NOT_CHARGED ${refunded}`, `ORDER_NOT_RESERVED ${released}`]);
    held.release();
  });
});
