import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ReservationState } from '#gen/inventory/v1/inventory.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { ShipmentState } from '#gen/shipping/v1/shipping.ts';
import { startMesh, type TestMesh, tempFolder } from '#mesh/testing';
import { shippingGo } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { spawnTool } from '../../scripts/ordermesh/testing/spawn-tool.ts';
import { allServices } from '../../services/all.ts';
import { expectConserved, expectNothingStuck, expectPaidOnce } from '../support/invariants.ts';
import { startRestartable } from '../support/restart-script.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';
import { type ForeignMesh, inventoryInPython, shippingInGo, startForeignMesh } from './support/foreign-mesh.ts';

const { ORDER_STATE_COMPLETED: completed, ORDER_STATE_FAILED: failed } = OrderState;

describeWithServer(shippingGo, 'shipping in Go', () => {
  describeWithServer(grpcPython, 'and inventory in Python', () => {
    describe('in place of ours', () => {
      const stack = new AsyncDisposableStack();
      let foreign: ForeignMesh;
      let own: TestMesh;
      let shop: Shop;
      const placed: Order[] = [];

      beforeAll(async () => {
        foreign = stack.use(await startForeignMesh());
        own = await startMesh(allServices);
        stack.defer(() => own.stop());
        shop = foreign.shop;
        await Promise.all([fillShop(shop), fillShop(shopOf(own.runtime))]);
      });
      afterAll(() => stack.disposeAsync());

      async function placeToEnd(there: Shop, order: Parameters<typeof bookOrder>[0]): Promise<Order> {
        const { id } = await there.orders.placeOrder(bookOrder(order));
        const ended = (await watchToEnd(there.orders, id)).at(-1) as Order;
        if (there === shop) placed.push(ended);
        return ended;
      }

      it('complete an order', async () => {
        const order = await placeToEnd(shop, {});
        expect(order.state).toBe(completed);
        const shipment = await shop.shipping.getShipment({ orderId: order.id });
        const { SHIPMENT_STATE_BOOKED: state } = ShipmentState;
        expect(shipment).toMatchObject({ id: order.shipmentId, paymentId: order.paymentId, state, carrier: 'go-post' });
        const reservation = await shop.inventory.getReservation({ orderId: order.id });
        expect(reservation.state).toBe(ReservationState.RESERVATION_STATE_COMMITTED);
      });

      it('have an order shown whose events they do not publish', async () => {
        const { id } = await placeToEnd(shop, {});
        const { code, lines, errors } = await spawnTool('order', foreign.mesh.address, [id]);
        expect({ code, errors, first: lines[0] }).toEqual({
          code: 0,
          errors: '',
          first: `order    ${id} is COMPLETED`,
        });
        expect(lines.filter((line) => line.startsWith('  --'))).toEqual([
          '  -- events may be missing: no service publishes inventory.events here',
          '  -- events may be missing: no service publishes shipping.events here',
        ]);
      });

      it.each([
        ['to an address that the carrier refuses', { countryCode: 'AQ' }],
        ['of more than there is in stock', { quantity: 1_000 }],
        ['that the user cannot pay', { userId: 'tom' }],
      ])('end an order %s as ours do', async (_, order) => {
        const outcome = ({ state, failure }: Order) => ({ state, reason: failure?.reason });
        const [theirs, ours] = [await placeToEnd(shop, order), await placeToEnd(shopOf(own.runtime), order)];
        expect(outcome(theirs)).toEqual(outcome(ours));
        expect(theirs.state).toBe(failed);
      });

      it('have an order of an unknown item refused as ours do', async () => {
        const items = [{ sku: 'none', quantity: 1, unitPrice: undefined }];
        const refusals = [shop, shopOf(own.runtime)].map((there) =>
          there.orders.placeOrder({ ...bookOrder(), items }).then(
            () => 'accepted',
            ({ code, reason, metadata }) => ({ code, reason, metadata }),
          ),
        );
        const [theirs, ours] = await Promise.all(refusals);
        expect(theirs).toEqual(ours);
        expect(theirs).toMatchObject({ reason: 'UNKNOWN_ITEM' });
      });

      it.each<[string, (there: Shop) => Promise<unknown>]>([
        [
          'a shipment',
          ({ shipping }) => shipping.createShipment({ requestId: 'x', orderId: '!', address: { lines: ['', 'x'] } }),
        ],
        ['a shipment without an address', ({ shipping }) => shipping.createShipment({ orderId: 'a', paymentId: 'a' })],
        [
          'a reservation',
          ({ inventory }) =>
            inventory.reserveStock({ orderId: 'a', owner: '!', items: [{ sku: 'a', quantity: 1 }, { quantity: -1 }] }),
        ],
        [
          'a reservation with an item twice',
          ({ inventory }) =>
            inventory.reserveStock({
              orderId: 'a',
              items: Array.from({ length: 3 }, () => ({ sku: 'a', quantity: 1 })),
            }),
        ],
        [
          'an item with a negative price',
          ({ inventory }) =>
            inventory.createItem({
              item: { sku: 'a', name: 'A', unitPrice: { currencyCode: 'EUR', minorUnits: -1n } },
            }),
        ],
        [
          'a listing',
          ({ inventory }) => Array.fromAsync(inventory.listReservations({ limit: -1, state: 99 as ReservationState })),
        ],
      ])('report the same invalid fields of %s as ours', async (_, call) => {
        const refusals = [shop, shopOf(own.runtime)].map((there) =>
          call(there).then(
            () => 'accepted',
            ({ code, violations }) => ({ code, fields: violations.map(({ field }: { field: string }) => field) }),
          ),
        );
        const [theirs, ours] = await Promise.all(refusals);
        expect(theirs).toEqual(ours);
        expect(theirs).toMatchObject({ code: Status.INVALID_ARGUMENT });
      });

      it('end each of 50 orders once although each is killed in the middle', { timeout: 90_000 }, async () => {
        const { shipping, inventory } = foreign;
        const place = async (order: Parameters<typeof bookOrder>[0]) =>
          (await shop.orders.placeOrder(bookOrder(order))).id;
        const kinds = Array.from({ length: 50 }, (_, index) => {
          if (index % 10 === 3) return { countryCode: 'AQ', quantity: 1 };
          return index % 10 === 7 ? { quantity: 1_000 } : { quantity: 1 };
        });
        const ids: string[] = await Promise.all(kinds.slice(0, 25).map(place));
        await shipping.kill9();
        const whileDown = await Promise.all(kinds.slice(25).map(place));
        ids.push(...whileDown);
        await inventory.kill9();
        const now = await Promise.all(ids.map((id) => shop.orders.getOrder({ id })));
        expect(now.filter(({ state }) => state !== completed && state !== failed).length).toBeGreaterThan(10);
        await shipping.start();
        await inventory.start();

        const orders = await Promise.all(ids.map(async (id) => (await watchToEnd(shop.orders, id)).at(-1) as Order));
        placed.push(...orders);
        const reasons = orders.map(({ state, failure }) => (state === completed ? 'completed' : failure?.reason));
        expect(reasons).toEqual(
          kinds.map(({ countryCode, quantity }) => {
            if (countryCode) return 'CARRIER_REFUSED';
            return quantity === 1 ? 'completed' : 'INSUFFICIENT_STOCK';
          }),
        );
      });

      it('have shipped, reserved and sold what the orders say', async () => {
        await expectConserved(shop, placed);
        await expectPaidOnce(shop, placed);
        await expectNothingStuck(shop);
        const { RESERVATION_STATE_COMMITTED, RESERVATION_STATE_RELEASED } = ReservationState;
        const reservations = await Array.fromAsync(shop.inventory.listReservations({}));
        const states = new Map(reservations.map(({ orderId, state }) => [orderId, state]));
        for (const order of placed) {
          const isDone = order.state === completed;
          const shipment = await shop.shipping.getShipment({ orderId: order.id }).catch((error) => {
            expect(error).toMatchObject({ code: Status.NOT_FOUND });
          });
          expect(shipment?.state === ShipmentState.SHIPMENT_STATE_BOOKED).toBe(isDone);
          if (isDone) expect(shipment?.id).toBe(order.shipmentId);
          expect(states.get(order.id) ?? RESERVATION_STATE_RELEASED).toBe(
            isDone ? RESERVATION_STATE_COMMITTED : RESERVATION_STATE_RELEASED,
          );
        }
      });

      it('leave nothing for an audit to find', async () => {
        const { code, lines } = await spawnTool('audit', foreign.mesh.address, []);
        expect({ code, lines }).toEqual({
          code: 0,
          lines: expect.arrayContaining([
            expect.stringMatching(/^orders\/reservations: 0 findings, [1-9]/),
            expect.stringMatching(/^\d+ checks, 0 findings$/),
          ]),
        });
      });

      it('stop on SIGTERM', async () => {
        expect(await foreign.shipping.stop()).toEqual({ code: 0, signal: null });
        expect(await foreign.inventory.stop()).toEqual({ code: 0, signal: null });
      });
    });

    it.each([
      ['shipping', shippingInGo, ['--refused-country', 'AQ']],
      ['inventory', inventoryInPython, []],
    ] as const)('keep all rules of the contract %s', { timeout: 90_000 }, async (contract, prepare, options) => {
      await using folder = await tempFolder();
      const service = await prepare(folder.path);
      await using server = await startRestartable(service, folder.path);
      const args = [service.address, '--contract', contract, ...options, '--restart', server.restart];
      const { code, lines } = await spawnTool('verify-participant', 'unused:1', args);
      const notKept = lines.slice(1, -2).filter((line) => !line.startsWith('ok '));
      expect({ code, notKept }).toEqual({ code: 0, notKept: [] });
      expect(lines.at(-2)).toMatch(/^\d+ rules: \d+ kept, 0 broken, 0 not checked$/);
    });
  });
});
