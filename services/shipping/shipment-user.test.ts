import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { describeServicesOnEachDatabase, startMesh } from '#mesh/testing';
import { shippingService } from './service.ts';
import { startTestCarrier } from './testing/test-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };

/** A request to ship a new order, as versions send it that do not say whose it is. */
function newShipment() {
  return { requestId: randomUUID(), orderId: randomUUID(), paymentId: 'payment-1', address };
}

describeServicesOnEachDatabase('the user of a shipment', (settings) => {
  it('is that of the order, and makes no other request of one that an earlier version sent', async () => {
    const carrier = await startTestCarrier();
    onTestFinished(() => carrier.close());
    const mesh = await startMesh([shippingService], { ...settings(), CARRIER_URL: carrier.url });
    onTestFinished(() => mesh.stop());
    const shipping = mesh.runtime.client(ShippingServiceContract);

    const after = newShipment();
    const ofAda = await shipping.createShipment({ ...after, userId: 'ada' });
    expect(ofAda).toMatchObject({ userId: 'ada' });
    await expect(shipping.createShipment(after)).resolves.toEqual(ofAda);

    const before = newShipment();
    const ofNobody = await shipping.createShipment(before);
    expect(ofNobody).toMatchObject({ userId: '' });
    await expect(shipping.createShipment({ ...before, userId: 'ada' })).resolves.toEqual(ofNobody);

    const other = shipping.createShipment({ ...before, paymentId: 'payment-2', userId: 'ada' });
    await expect(other).rejects.toMatchObject({ reason: 'REQUEST_ID_REUSED' });
  });
});
