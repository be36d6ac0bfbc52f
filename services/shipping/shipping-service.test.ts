import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ShippingEvent } from '#gen/shipping/v1/events.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { ShipmentState, type ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import { type DeadlineOptions, describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { shippingService } from './service.ts';
import { answerJson, type CarrierRequest, startTestCarrier, type TestCarrier } from './testing/test-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
const booked = ShipmentState.SHIPMENT_STATE_BOOKED;
const refused = ShipmentState.SHIPMENT_STATE_REFUSED;
const cancelled = ShipmentState.SHIPMENT_STATE_CANCELLED;
const cancelledRefusal = { code: Status.FAILED_PRECONDITION, reason: 'SHIPMENT_CANCELLED' };

describeServicesOnEachDatabase('the shipping service', (settings) => {
  let carrier: TestCarrier;
  let mesh: TestMesh;
  let shipping: Client<ShippingServiceDefinition, DeadlineOptions>;

  beforeAll(async () => {
    carrier = await startTestCarrier();
    mesh = await startMesh([shippingService], { ...settings(), CARRIER_URL: carrier.url });
    shipping = mesh.runtime.client(ShippingServiceContract);
  });
  afterEach(() => carrier.behave(undefined));
  afterAll(async () => {
    await mesh.stop();
    await carrier.close();
  });

  /** A new order to ship. */
  function newOrder() {
    return { orderId: `order-${randomUUID()}`, paymentId: 'payment-1', address };
  }

  /** The types and versions of what was published of an order's shipment, once there are as many. */
  async function eventsOf(orderId: string, count: number): Promise<[string, bigint][]> {
    const found: [string, bigint][] = [];
    const ending = new AbortController();
    for await (const event of mesh.runtime.events.read('shipping.events', { at: 'beginning' }, ending.signal)) {
      if (event.key !== orderId) continue;
      const { type, version } = ShippingEvent.fromJSON(JSON.parse(Buffer.from(event.value).toString()));
      found.push([type, version]);
      if (found.length === count) ending.abort();
    }
    return found;
  }

  describe('CreateShipment', () => {
    it('books with the carrier once per order, with any request id', async () => {
      const order = newOrder();
      const shipment = await shipping.createShipment({ ...order, requestId: randomUUID() });
      expect(shipment).toMatchObject({ ...order, state: booked, carrier: 'test' });
      expect(shipment.trackingNumber).toBe(`T-${order.orderId}`);
      await expect(shipping.createShipment({ ...order, requestId: randomUUID() })).resolves.toEqual(shipment);
      await expect(shipping.getShipment(order)).resolves.toEqual(shipment);
      expect(carrier.requests.filter((request) => request === `PUT ${order.orderId}`)).toHaveLength(1);
    });

    it('refuses another payment or address for an order that has a shipment', async () => {
      const order = newOrder();
      await shipping.createShipment(order);
      for (const other of [{ paymentId: 'payment-2' }, { address: { ...address, city: 'Bonn' } }]) {
        await expect(shipping.createShipment({ ...order, ...other })).rejects.toMatchObject({
          code: Status.ALREADY_EXISTS,
          reason: 'SHIPMENT_EXISTS',
        });
      }
    });

    it('fails permanently if the carrier refuses', async () => {
      const order = { ...newOrder(), requestId: randomUUID() };
      carrier.behave(({ response }: CarrierRequest) => answerJson(response, 422, { message: 'too heavy' }));
      const refusal = {
        code: Status.FAILED_PRECONDITION,
        reason: 'CARRIER_REFUSED',
        message: expect.stringContaining('too heavy'),
      };
      await expect(shipping.createShipment(order)).rejects.toMatchObject(refusal);
      carrier.behave(undefined);
      await expect(shipping.createShipment(order)).rejects.toMatchObject(refusal);
      await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: refused, carrier: '' });
      await expect(eventsOf(order.orderId, 1)).resolves.toEqual([['SHIPMENT_REFUSED', 1n]]);
    });

    it('returns UNAVAILABLE while the outcome is unknown, and books once when the call is repeated', async () => {
      const order = { ...newOrder(), requestId: randomUUID() };
      carrier.behave(({ act, response }) => {
        act();
        response.destroy();
      });
      await expect(shipping.createShipment(order)).rejects.toMatchObject({
        code: Status.UNAVAILABLE,
        reason: 'CARRIER_UNAVAILABLE',
      });
      await expect(shipping.getShipment(order)).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_PENDING });
      carrier.behave(undefined);
      await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
      expect(carrier.live.has(order.orderId)).toBe(true);
      await expect(eventsOf(order.orderId, 1)).resolves.toEqual([['SHIPMENT_BOOKED', 1n]]);
    });

    it('aborts the call of a carrier that exceeds the deadline, and books when the call is repeated', async () => {
      const order = { ...newOrder(), requestId: randomUUID() };
      const hungUp = Promise.withResolvers<void>();
      let isAsked = false;
      carrier.behave(({ response }) => {
        isAsked = true;
        response.once('close', hungUp.resolve);
      });
      // On a busy machine a deadline may pass before the carrier is asked.
      for (let deadlineMs = 300; !isAsked; deadlineMs *= 2) {
        const hurried = shipping.createShipment(order, { deadline: Date.now() + deadlineMs });
        await expect(hurried).rejects.toMatchObject({ code: Status.DEADLINE_EXCEEDED });
      }
      await hungUp.promise;
      carrier.behave(undefined);
      await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
    });

    it('books once for many concurrent calls', async () => {
      const order = newOrder();
      const calls = Array.from({ length: 10 }, () => shipping.createShipment({ ...order, requestId: randomUUID() }));
      const [first, ...others] = await Promise.all(calls);
      for (const other of others) expect(other).toEqual(first);
      await shipping.cancelShipment(order);
      await expect(eventsOf(order.orderId, 2)).resolves.toEqual([
        ['SHIPMENT_BOOKED', 1n],
        ['SHIPMENT_CANCELLED', 2n],
      ]);
    });
  });

  describe('CancelShipment', () => {
    it('cancels at the carrier as well, once, and prevents another shipment', async () => {
      const order = newOrder();
      await shipping.createShipment(order);
      const shipment = await shipping.cancelShipment({ ...order, requestId: randomUUID() });
      expect(shipment).toMatchObject({ state: cancelled, trackingNumber: `T-${order.orderId}` });
      expect(carrier.live.has(order.orderId)).toBe(false);
      await expect(shipping.cancelShipment({ ...order, requestId: randomUUID() })).resolves.toEqual(shipment);
      await expect(shipping.createShipment(order)).rejects.toMatchObject(cancelledRefusal);
      expect(carrier.requests.filter((request) => request === `DELETE ${order.orderId}`)).toHaveLength(1);
    });

    it('succeeds without a shipment, does not call the carrier, and prevents a late shipment', async () => {
      const order = newOrder();
      await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled, paymentId: '' });
      await expect(shipping.createShipment(order)).rejects.toMatchObject(cancelledRefusal);
      expect(carrier.requests.filter((request) => request.endsWith(order.orderId))).toEqual([]);
      await expect(eventsOf(order.orderId, 1)).resolves.toEqual([['SHIPMENT_CANCELLED', 1n]]);
    });

    it('resumes once an unreachable carrier is back', async () => {
      const order = { ...newOrder(), requestId: randomUUID() };
      await shipping.createShipment(order);
      carrier.behave(({ response }) => void response.destroy());
      await expect(shipping.cancelShipment(order)).rejects.toMatchObject({ code: Status.UNAVAILABLE });
      const cancelling = { state: ShipmentState.SHIPMENT_STATE_CANCELLING };
      await expect(shipping.getShipment(order)).resolves.toMatchObject(cancelling);
      carrier.behave(undefined);
      await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled });
      expect(carrier.live.has(order.orderId)).toBe(false);
    });

    it('wins over concurrent bookings, whichever comes first', async () => {
      for (let round = 0; round < 10; round++) {
        const order = newOrder();
        const calls = Array.from({ length: 3 }, () => [shipping.createShipment(order), shipping.cancelShipment(order)]);
        for (const outcome of await Promise.allSettled(calls.flat())) {
          if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject(cancelledRefusal);
        }
        await expect(shipping.getShipment(order)).resolves.toMatchObject({ state: cancelled });
        expect(carrier.live.has(order.orderId)).toBe(false);
      }
    });
  });

  it('returns NOT_FOUND for an order without a shipment', async () => {
    await expect(shipping.getShipment({ orderId: 'unknown' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'SHIPMENT_NOT_FOUND',
    });
  });
});

describe('the shipping service without a configured carrier', () => {
  it('books with the simulated carrier, which refuses some countries', async () => {
    const mesh = await startMesh([shippingService]);
    try {
      const shipping = mesh.runtime.client(ShippingServiceContract);
      const order = { orderId: 'order-1', paymentId: 'payment-1', address };
      await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked, carrier: 'simulated' });
      const far = { ...order, orderId: 'order-2', address: { ...address, countryCode: 'AQ' } };
      await expect(shipping.createShipment(far)).rejects.toMatchObject({ reason: 'CARRIER_REFUSED' });
    } finally {
      await mesh.stop();
    }
  });
});
