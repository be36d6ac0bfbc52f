import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Status } from 'nice-grpc';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { ShipmentState } from '#gen/shipping/v1/shipping.ts';
import { startMesh, type TestMesh } from '#mesh/testing';
import { shippingService } from './service.ts';
import { answerJson, type CarrierRequest, startTestCarrier, type TestCarrier } from './testing/test-carrier.ts';

const address = { recipient: 'Ada', lines: ['1 Main St'], city: 'Berlin', postalCode: '10115', countryCode: 'DE' };
const booked = ShipmentState.SHIPMENT_STATE_BOOKED;
const cancelled = ShipmentState.SHIPMENT_STATE_CANCELLED;
const json = { 'content-type': 'application/json' };

let carrier: TestCarrier;
let elsewhere: ReturnType<typeof createServer>;
let elsewhereRequests = 0;
let mesh: TestMesh;

beforeAll(async () => {
  carrier = await startTestCarrier();
  elsewhere = createServer((_, response) => {
    elsewhereRequests += 1;
    answerJson(response, 201, { carrier: 'elsewhere', tracking_number: 'E-1' });
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  mesh = await startMesh([shippingService], { CARRIER_URL: carrier.url });
});
afterEach(() => carrier.behave(undefined));
afterAll(async () => {
  await mesh.stop();
  await carrier.close();
  elsewhere.close();
  elsewhere.closeAllConnections();
});

interface Fault {
  /** What the carrier sends instead of its answer. */
  readonly send: (request: CarrierRequest) => unknown;
  /** Whether it has booked nevertheless. */
  readonly acts: boolean;
  /** Whether it asks for a pause, during which it is asked nothing. */
  readonly asksToWait?: true;
}

const answering =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  ({ response }: CarrierRequest) =>
    response.writeHead(status, { ...json, ...headers }).end(JSON.stringify(body));

const faults: Record<string, Fault> = {
  'answers 503 and has not booked': { send: answering(503, {}), acts: false },
  'answers 503 and has booked': { send: answering(503, {}), acts: true },
  'answers 500 without a body': { send: ({ response }) => response.writeHead(500).end(), acts: true },
  'answers 503 with Retry-After': { send: answering(503, {}, { 'retry-after': '1' }), acts: true, asksToWait: true },
  'answers 429 with Retry-After': { send: answering(429, {}, { 'retry-after': '1' }), acts: false, asksToWait: true },
  'answers with garbage': { send: ({ response }) => response.writeHead(201, json).end('{"carrier": \xff'), acts: true },
  'answers with a page': {
    send: ({ response }) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    acts: true,
  },
  'answers with 300 MB': { send: ({ response }) => sendMegabytes(response, 300), acts: true },
  'answers with 300 MB that do not end': { send: ({ response }) => sendMegabytes(response, undefined), acts: true },
  'redirects to another host': {
    send: ({ response, reference }) =>
      response.writeHead(307, { location: `http://127.0.0.1:${portOf(elsewhere)}/shipments/${reference}` }).end(),
    acts: false,
  },
  'sends half an answer': {
    send: ({ response }) =>
      response.writeHead(201, { ...json, 'content-length': '60' }).write('{"carrier": "te', () => response.destroy()),
    acts: true,
  },
  'hangs up and has not booked': { send: ({ response }) => response.destroy(), acts: false },
  'hangs up and has booked': { send: ({ response }) => response.destroy(), acts: true },
  'answers for another reference': {
    send: answering(201, { reference: 'order-other', carrier: 'test', tracking_number: 'T-order-other' }),
    acts: true,
  },
  'answers with an empty object': { send: answering(201, {}), acts: true },
  'answers 404': { send: answering(404, {}), acts: false },
};

function newOrder() {
  return { orderId: `order-${randomUUID()}`, paymentId: 'payment-1', address, requestId: randomUUID() };
}

/** The methods with which the carrier was asked about an order, in order. */
function methodsOf({ orderId }: { readonly orderId: string }): string[] {
  return carrier.requests
    .filter((request) => request.endsWith(orderId))
    .map((request) => request.split(' ', 1)[0] ?? '');
}

describe('a carrier that once', () => {
  /** Has the carrier send this to its first booking. Later requests are answered as they should be. */
  function failOnce({ send, acts }: Fault): void {
    let isFirst = true;
    carrier.behave((request) => {
      const fails = isFirst && request.method === 'PUT';
      if (fails) isFirst = false;
      if (!fails || acts) request.act();
      return fails ? void send(request) : request.answer();
    });
  }

  it.each(Object.entries(faults))('%s is asked what it has, and books once', async (_, fault) => {
    const shipping = mesh.runtime.client(ShippingServiceContract);
    const order = newOrder();
    failOnce(fault);
    const startMs = performance.now();
    const shipment = await shipping.createShipment(order);
    expect(shipment).toMatchObject({ state: booked, carrier: 'test', trackingNumber: `T-${order.orderId}` });
    expect(carrier.live.has(order.orderId)).toBe(true);
    const { acts, asksToWait } = fault;
    // After a pause, or without a booking, it is the next call that asks. Nothing is ever sent again without asking.
    const lookups = asksToWait || acts ? ['GET'] : ['GET', 'GET'];
    expect(methodsOf(order)).toEqual(['PUT', ...lookups, ...(acts ? [] : ['PUT'])]);
    if (asksToWait) expect(performance.now() - startMs).toBeGreaterThan(950);
    expect(elsewhereRequests).toBe(0);
  });

  it('answers 10 s late is asked what it has after 5 s, and books once', { timeout: 60_000 }, async () => {
    const shipping = mesh.runtime.client(ShippingServiceContract);
    const order = newOrder();
    failOnce({ acts: true, send: ({ answer }) => delay(10_000, undefined, { ref: false }).then(answer) });
    const startMs = performance.now();
    await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
    expect(performance.now() - startMs).toBeLessThan(9_000);
    expect(methodsOf(order)).toEqual(['PUT', 'GET']);
  });
});

describe('a carrier of which nothing is known, because it', () => {
  it.each(Object.entries(faults))(
    '%s and has no answer to a lookup, either, is left without a booking',
    async (_, fault) => {
      const shipping = mesh.runtime.client(ShippingServiceContract, { retry: { maxAttempts: 1 } });
      const order = newOrder();
      carrier.behave((request) => {
        if (request.method === 'PUT') {
          if (fault.acts) request.act();
          fault.send(request);
        } else answering(400, {})(request);
      });
      const unavailable = { code: Status.UNAVAILABLE, reason: 'CARRIER_UNAVAILABLE' };
      await expect(shipping.createShipment(order)).rejects.toMatchObject(unavailable);
      await expect(shipping.getShipment(order)).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_PENDING });
      // The saga gives up, and has what it cannot see undone.
      carrier.behave(undefined);
      const trackingNumber = fault.acts ? `T-${order.orderId}` : '';
      await expect(shipping.cancelShipment(order)).resolves.toMatchObject({ state: cancelled, trackingNumber });
      expect(carrier.live.has(order.orderId)).toBe(false);
      expect(methodsOf(order).slice(-2)).toEqual(['GET', 'DELETE']);
    },
  );
});

describe('a carrier that asks to wait for ever', () => {
  it.each([
    ['in seconds', { 'retry-after': '9'.repeat(40) }, '{}'],
    ['in its problem', {}, '{"retry_after_ms": 1e300}'],
    ['in its problem, beyond all numbers', {}, '{"retry_after_ms": 1e999}'],
  ])('%s is left without a booking, and harms nobody', async (_, headers, body) => {
    const shipping = mesh.runtime.client(ShippingServiceContract);
    const order = newOrder();
    carrier.behave(({ response }) => void response.writeHead(503, { ...json, ...headers }).end(body));
    const unavailable = { code: Status.UNAVAILABLE, reason: 'CARRIER_UNAVAILABLE' };
    await expect(shipping.createShipment(order)).rejects.toMatchObject(unavailable);
    expect(methodsOf(order)).toEqual(['PUT']);
    carrier.behave(undefined);
    await expect(shipping.createShipment(order)).resolves.toMatchObject({ state: booked });
  });
});

function portOf(server: ReturnType<typeof createServer>): number {
  return (server.address() as AddressInfo).port;
}

/** Sends JSON text of this length, or without an end, for as long as someone reads it. */
function sendMegabytes(response: CarrierRequest['response'], megabytes: number | undefined): void {
  const length = megabytes === undefined ? {} : { 'content-length': `${megabytes * 1_000_000}` };
  const goOn = () => {
    while (!response.destroyed && response.write(' '.repeat(65_536)));
  };
  response.writeHead(201, { ...json, ...length }).on('drain', goOn);
  goOn();
}
