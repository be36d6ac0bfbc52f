import { randomUUID } from 'node:crypto';
import { type Client, Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { ShipmentState, type ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import { type DeadlineOptions, describeServicesOnEachDatabase, startMesh, type TestMesh } from '#mesh/testing';
import { shippingService } from './service.ts';
import { startTestCarrier, type TestCarrier } from './testing/test-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
const booked = ShipmentState.SHIPMENT_STATE_BOOKED;
const cancelled = ShipmentState.SHIPMENT_STATE_CANCELLED;
const cancelledRefusal = { code: Status.FAILED_PRECONDITION, reason: 'SHIPMENT_CANCELLED' };

describeServicesOnEachDatabase('a cancelled shipment', (settings) => {
  let carrier: TestCarrier;
  let mesh: TestMesh;
  let shipping: Client<ShippingServiceDefinition, DeadlineOptions>;

  beforeAll(async () => {
    carrier = await startTestCarrier();
    mesh = await startMesh([shippingService], { ...settings(), CARRIER_URL: carrier.url });
    shipping = mesh.runtime.client(ShippingServiceContract, { retry: { maxAttempts: 1 } });
  });
  afterEach(() => carrier.behave(undefined));
  afterAll(async () => {
    await mesh.stop();
    await carrier.close();
  });

  function newOrder() {
    return { orderId: `order-${randomUUID()}`, paymentId: 'payment-1', address };
  }

  it('leaves no booking at a carrier that receives it after the cancellation', async () => {
    const order = newOrder();
    const { asked, release } = carrier.holdBack('PUT');
    const creation = shipping.createShipment(order);
    await asked;
    await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled });
    release();
    await expect(creation).rejects.toMatchObject(cancelledRefusal);
    expect(carrier.live.has(order.orderId)).toBe(false);
  });

  it('leaves no booking that arrives late, even if that could not be cancelled at first', async () => {
    const order = newOrder();
    const { asked, release } = carrier.holdBack('PUT');
    const creation = shipping.createShipment(order);
    await asked;
    await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled });
    // As if the process had died before it called off what has arrived late.
    carrier.behave(({ response }) => void response.destroy());
    release();
    await expect(creation).rejects.toMatchObject({ reason: 'CARRIER_UNAVAILABLE' });
    expect(carrier.live.has(order.orderId)).toBe(true);
    carrier.behave(undefined);
    await expect(shipping.createShipment(order)).rejects.toMatchObject(cancelledRefusal);
    expect(carrier.live.has(order.orderId)).toBe(false);
  });

  it('leaves no booking if one arrives during the cancellation', async () => {
    const order = newOrder();
    await shipping.createShipment(order);
    const { asked, release } = carrier.holdBack('DELETE');
    const cancellation = shipping.cancelShipment(order);
    await asked;
    await expect(shipping.createShipment(order)).rejects.toMatchObject(cancelledRefusal);
    release();
    await expect(cancellation).resolves.toMatchObject({ state: cancelled });
    expect(carrier.live.has(order.orderId)).toBe(false);
  });

  it('leaves no booking of a call that arrives after a repetition of it was answered', async () => {
    const order = { ...newOrder(), requestId: randomUUID() };
    const { asked, release } = carrier.holdBack('PUT');
    const first = shipping.createShipment(order);
    await asked;
    await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
    await shipping.cancelShipment({ orderId: order.orderId });
    release();
    await expect(first).resolves.toMatchObject({ state: booked });
    expect(carrier.requests.filter((request) => request === `PUT ${order.orderId}`)).toHaveLength(2);
    expect(carrier.live.has(order.orderId)).toBe(false);
  });

  it('leaves no such booking, even if it could not be cancelled at first', async () => {
    const order = { ...newOrder(), requestId: randomUUID() };
    const { asked, release } = carrier.holdBack('PUT');
    const first = shipping.createShipment(order);
    await asked;
    await shipping.createShipment(order);
    await shipping.cancelShipment({ orderId: order.orderId });
    carrier.behave(({ response }) => void response.destroy());
    release();
    await expect(first).rejects.toMatchObject({ reason: 'CARRIER_UNAVAILABLE' });
    expect(carrier.live.has(order.orderId)).toBe(true);
    carrier.behave(undefined);
    await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
    expect(carrier.live.has(order.orderId)).toBe(false);
  });

  it('was recorded, even if its request id was used for another order meanwhile', async () => {
    const requestId = randomUUID();
    const order = newOrder();
    const { asked, release } = carrier.holdBack('PUT');
    const first = shipping.createShipment({ ...order, requestId });
    await asked;
    await shipping.createShipment({ ...newOrder(), requestId });
    release();
    await expect(first).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
    await expect(shipping.getShipment(order)).resolves.toMatchObject({ state: booked });
    await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled });
    expect(carrier.live.has(order.orderId)).toBe(false);
  });
});
