import { randomUUID } from 'node:crypto';
import type { Client } from 'nice-grpc';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import type { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { OrderServiceContract, type OrderServiceHandlers } from '#gen/order/v1/order.contract.ts';
import { AccountServiceContract, PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { MeshError, Status, serve } from '#mesh';
import { describeServicesOnEachDatabase, eventually, startMesh, type TestMesh, testService } from '#mesh/testing';
import { inventoryService } from '../../../inventory/service.ts';
import { paymentService } from '../../../payment/service.ts';
import { localOpsService, opsService } from '../../service.ts';

/** An order service without orders. */
const orderService = testService('order', async () => {
  const none = async () => Promise.reject(new Error('no test calls this'));
  const handlers: OrderServiceHandlers = {
    placeOrder: none,
    cancelOrder: none,
    quoteOrder: none,
    getOrder: async ({ id }) => Promise.reject(new MeshError(Status.NOT_FOUND, 'ORDER_NOT_FOUND', `no order ${id}`)),
    async *watchOrder() {
      yield await none();
    },
    async *listOrders() {
      // There are none.
    },
  };
  return { serves: [serve(OrderServiceContract, handlers, { idempotency: 'by-handler' })] };
});

describeServicesOnEachDatabase('the audits of what services own', (settings) => {
  const known = new Set<string>();
  const asked: number[] = [];
  let mesh: TestMesh;
  /** Another process, with the owner `voucher`. */
  let other: TestMesh;
  /** A third process, without owners. `undefined`: it was stopped. */
  let third: TestMesh | undefined;
  let payments: Client<PaymentServiceDefinition>;
  let inventory: Client<InventoryServiceDefinition>;
  const amount = { currencyCode: 'USD', minorUnits: 1n };

  beforeAll(async () => {
    const ownIds = async (ids: readonly string[]) => {
      asked.push(ids.length);
      return ids.filter((id) => known.has(id));
    };
    const gift = testService('gift', async () => ({ ownIds }));
    const silent = testService('silent');
    other = await startMesh([testService('voucher', async () => ({ ownIds })), localOpsService]);
    third = await startMesh([testService('parcel'), localOpsService]);
    const addresses = { DISCOVERY_URL: `static:shipping=${third.address},user=${other.address}` };
    const services = [orderService, inventoryService, paymentService, gift, silent, opsService];
    mesh = await startMesh(services, { ...settings(), ...addresses, AUDIT_INTERVAL_MS: '0' });
    payments = mesh.runtime.client(PaymentServiceContract);
    inventory = mesh.runtime.client(InventoryServiceContract);
    const accounts = mesh.runtime.client(AccountServiceContract);
    await accounts.openAccount({ accountId: 'ada', currencyCode: 'USD' });
    await accounts.deposit({ accountId: 'ada', amount: { ...amount, minorUnits: 1_000n } });
    await inventory.createItem({ item: { sku: 'lamp', name: 'Lamp', unitPrice: amount, onHand: 1_000n } });
  });
  afterAll(async () => {
    await mesh.stop();
    await other.stop();
    await third?.stop();
  });

  /** Charges and reserves under a new id, and waits until payments are listed. */
  async function own(owner: string): Promise<string> {
    const orderId = randomUUID();
    const payment = await payments.charge({ orderId, owner, userId: 'ada', amount });
    expect(payment).toMatchObject({ orderId, owner });
    const reservation = await inventory.reserveStock({ orderId, owner, items: [{ sku: 'lamp', quantity: 1n }] });
    expect(reservation).toMatchObject({ orderId, owner });
    await eventually(async () => {
      const listed = await Array.fromAsync(payments.listPayments(owner === '' ? {} : { owner }));
      expect(listed).toContainEqual(payment);
    });
    return orderId;
  }

  async function giveBack(orderId: string): Promise<void> {
    await payments.refund({ orderId });
    await inventory.releaseStock({ orderId });
    await eventually(async () => {
      const listed = await Array.fromAsync(payments.listPayments({}));
      expect(listed.find((payment) => payment.orderId === orderId)?.amount).toBeDefined();
      expect(listed).not.toContainEqual(expect.objectContaining({ orderId, state: 1 }));
    });
  }

  /** The texts of the last findings. */
  let messages: string[] = [];

  async function findings(): Promise<string[]> {
    const reports = await Array.fromAsync(mesh.runtime.client(AuditServiceContract).runAudit({}));
    messages = reports.flatMap(({ report }) => (report?.$case === 'finding' ? [report.value.message] : []));
    return reports.flatMap(({ report }) => {
      if (report?.$case === 'check') {
        const asksThird = !third && /^owners\/|^shipping@/.test(report.value.name);
        expect(report.value.error).toEqual(asksThird ? expect.stringContaining('cannot be reached') : '');
      }
      return report?.$case === 'finding' ? [`${report.value.check} ${report.value.reason} ${report.value.ids}`] : [];
    });
  }

  it('find nothing wrong with what an owner knows, in this process or another', async () => {
    for (const owner of ['gift', 'voucher', 'gift']) known.add(await own(owner));
    expect(await findings()).toEqual([]);
  });

  it.each([
    ['gift', 'gift'],
    ['voucher', 'owners'],
  ])('report what the owner %s does not know, until it is given back', async (owner, checks) => {
    const id = await own(owner);
    expect(await findings()).toEqual([
      `${checks}/charges CHARGE_UNKNOWN_TO_OWNER ${id},${owner}`,
      `${checks}/reservations RESERVATION_UNKNOWN_TO_OWNER ${id},${owner}`,
    ]);
    await giveBack(id);
    expect(await findings()).toEqual([]);
  });

  it.each(['nobody', 'silent'])('report the owner %s, which nobody can ask', async (owner) => {
    const id = await own(owner);
    expect(await findings()).toEqual([
      `orders/charges CHARGE_OF_UNKNOWN_OWNER ${id},${owner}`,
      `orders/reservations RESERVATION_OF_UNKNOWN_OWNER ${id},${owner}`,
    ]);
    for (const message of messages) expect(message).toContain(`the owner ${owner}, which could not be asked`);
    await giveBack(id);
    expect(await findings()).toEqual([]);
  });

  it('still report what nobody owns and has no order', async () => {
    const id = await own('');
    expect(await findings()).toEqual([
      `orders/charges CHARGE_WITHOUT_ORDER ${id}`,
      `orders/reservations RESERVATION_WITHOUT_ORDER ${id}`,
    ]);
    await giveBack(id);
  });

  it('ask the owner for at most 100 ids at a time', async () => {
    const ids = Array.from({ length: 101 }, () => randomUUID());
    for (const id of ids) {
      known.add(id);
      await inventory.reserveStock({ orderId: id, owner: 'gift', items: [{ sku: 'lamp', quantity: 1n }] });
    }
    asked.length = 0;
    expect(await findings()).toEqual([]);
    expect(Math.max(...asked)).toBe(100);
  });

  it('refuse another owner for the same id', async () => {
    const id = await own('gift');
    known.add(id);
    const charge = payments.charge({ orderId: id, owner: 'shipping', userId: 'ada', amount });
    await expect(charge).rejects.toMatchObject({ reason: 'PAYMENT_EXISTS' });
    const reserve = inventory.reserveStock({ orderId: id, items: [{ sku: 'lamp', quantity: 1n }] });
    await expect(reserve).rejects.toMatchObject({ reason: 'RESERVATION_EXISTS' });
  });

  it('do not report an owner that may be in a process which does not answer', async () => {
    await own('parcel');
    await third?.stop();
    third = undefined;
    expect(await findings()).toEqual([]);
  });
});
