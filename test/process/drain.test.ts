import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createChannel, createClient, waitForChannelReady } from 'nice-grpc';
import { Status } from 'nice-grpc-common';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HealthCheckResponse_ServingStatus, HealthDefinition } from '#gen/grpc/health/v1/health.ts';
import { OrderState } from '#gen/order/v1/order.ts';
import { ShipmentState, ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { type StartedProcess, spawnProcess, startProcess } from '../../mesh/testing/servers/start-process.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { bookOrder, fillShop, type Shop, shopOf } from '../support/shop.ts';
import { startCarrier, type TestCarrier } from '../support/test-carrier.ts';

describe('a process that receives SIGTERM', () => {
  let folder: TempFolder;
  let carrier: TestCarrier;
  let mesh: StartedProcess;
  let shop: Shop;

  beforeEach(async () => {
    folder = await tempFolder();
    carrier = await startCarrier(folder.path);
    mesh = await startProcess({
      dataDir: `${folder.path}/data`,
      environment: { CARRIER_URL: carrier.url, LOG_LEVEL: 'info' },
    });
    shop = shopOf(mesh);
  });

  afterEach(async () => {
    await mesh[Symbol.asyncDispose]();
    await carrier[Symbol.asyncDispose]();
    await folder[Symbol.asyncDispose]();
  });

  /** Starts a call that lasts until the carrier is released. */
  async function beginCall() {
    const held = carrier.hold(1);
    const { shippingAddress: address } = bookOrder();
    const answer = shop.shipping.createShipment({ requestId: randomUUID(), orderId: 'o1', paymentId: 'p1', address });
    await Promise.race([held.arrived, answer]);
    return { held, answer };
  }

  it('finishes running calls, then exits with 0', async () => {
    const { held, answer } = await beginCall();
    const ended = mesh.stop();
    await eventually(() => expect(mesh.stderr()).toContain('draining'));
    held.release();
    await expect(answer).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_BOOKED });
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('reports NOT_SERVING to health watchers immediately, while calls are still running', async () => {
    const channel = createChannel(mesh.address);
    const { held, answer } = await beginCall();
    const seen: number[] = [];
    let ended: Promise<unknown> | undefined;
    for await (const { status } of createClient(HealthDefinition, channel).watch({ service: '' })) {
      if (status !== seen.at(-1)) seen.push(status);
      if (status === HealthCheckResponse_ServingStatus.SERVING) ended = mesh.stop();
      if (status === HealthCheckResponse_ServingStatus.NOT_SERVING && ended !== undefined) break;
    }
    held.release();
    await expect(answer).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_BOOKED });
    expect(await ended).toEqual({ code: 0, signal: null });
    channel.close();
    expect(seen.slice(-2)).toEqual([
      HealthCheckResponse_ServingStatus.SERVING,
      HealthCheckResponse_ServingStatus.NOT_SERVING,
    ]);
  });

  it('ends the streams of order watchers with SERVER_DRAINING', async () => {
    await fillShop(shop);
    carrier.hold(1);
    const { id } = await shop.orders.placeOrder(bookOrder());
    const watching = (async () => {
      for await (const order of shop.orders.watchOrder({ id })) {
        if (order.state === OrderState.ORDER_STATE_PAID) void mesh.stop();
      }
    })();
    await expect(watching).rejects.toMatchObject({ code: Status.UNAVAILABLE, reason: 'SERVER_DRAINING' });
  });

  it('treats two signals in a row as one, since make and npm forward signals', async () => {
    const { held, answer } = await beginCall();
    const ended = mesh.stop();
    await eventually(() => expect(mesh.stderr()).toContain('draining'));
    mesh.child.kill('SIGTERM');
    held.release();
    await expect(answer).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_BOOKED });
    expect(await ended).toEqual({ code: 0, signal: null });
  });

  it('exits immediately after a later second signal', async () => {
    const { answer } = await beginCall();
    const failure = expect(answer).rejects.toMatchObject({ code: Status.UNAVAILABLE });
    const ended = mesh.stop();
    await eventually(() => {
      mesh.child.kill('SIGTERM');
      expect(mesh.child.exitCode).not.toBeNull();
    });
    expect(await ended).toEqual({ code: 1, signal: null });
    await failure;
  });
});

it('a process that receives SIGTERM keeps its own carrier until running calls have ended', async () => {
  await using folder = await tempFolder();
  await using mesh = await startProcess({ dataDir: `${folder.path}/data`, environment: { LOG_LEVEL: 'info' } });
  const channel = createChannel(mesh.address);
  const shipping = createClient(ShippingServiceDefinition, channel);
  const { shippingAddress: address } = bookOrder();
  let booked = 0;
  let ended: ReturnType<typeof mesh.stop> | undefined;
  /** Calls until a call is refused. Returns the error. */
  const callUntilRefused = async (): Promise<string> => {
    try {
      for (;;) {
        await shipping.createShipment({ requestId: randomUUID(), orderId: randomUUID(), paymentId: 'p1', address });
        booked += 1;
        if (booked === 100) ended = mesh.stop();
      }
    } catch (error) {
      return String(error);
    }
  };
  const refusals = await Promise.all(Array.from({ length: 20 }, callUntilRefused));
  channel.close();
  expect(await ended).toEqual({ code: 0, signal: null });
  expect(refusals.filter((text) => text.includes('carrier'))).toEqual([]);
});

it('a process that receives SIGTERM while it starts finishes the calls that it has accepted', async () => {
  await using folder = await tempFolder();
  await using carrier = await startCarrier(folder.path);
  const address = `127.0.0.1:${await freePort()}`;
  await using starting = spawnProcess({
    dataDir: `${folder.path}/data`,
    main: 'test/process/support/slow-start-main.ts',
    environment: { CARRIER_URL: carrier.url, LOG_LEVEL: 'info', GRPC_LISTEN: address },
  });
  const channel = createChannel(address);
  const shipping = createClient(ShippingServiceDefinition, channel);
  const held = carrier.hold(1);
  const { shippingAddress } = bookOrder();
  const request = { requestId: randomUUID(), orderId: 'o1', paymentId: 'p1', address: shippingAddress };
  await waitForChannelReady(channel, new Date(Date.now() + 20_000));
  const answer = shipping.createShipment(request);
  await held.arrived;
  starting.child.kill('SIGTERM');
  await eventually(() => expect(starting.stderr()).toContain('draining'));
  held.release();
  await expect(answer).resolves.toMatchObject({ state: ShipmentState.SHIPMENT_STATE_BOOKED });
  expect(await starting.ended).toEqual({ code: 0, signal: null });
  expect(starting.stdout()).toBe('');
  channel.close();
});

it('a process that receives SIGTERM while it starts leaves a folder that was shut down cleanly', async () => {
  await using folder = await tempFolder();
  const dataDir = `${folder.path}/data`;
  // Its start would end without the signal, on a busy machine perhaps before it.
  const main = 'test/process/support/slow-start-main.ts';
  await using starting = spawnProcess({ dataDir, main, environment: { LOG_LEVEL: 'info' } });
  await eventually(() => expect(existsSync(`${dataDir}/.running`)).toBe(true), { timeoutMs: 20_000, intervalMs: 1 });
  starting.child.kill('SIGTERM');
  expect(await starting.ended).toEqual({ code: 0, signal: null });
  expect(starting.stderr()).toContain('"stopped"');
  expect(starting.stdout()).toBe('');
  expect(existsSync(`${dataDir}/.running`)).toBe(false);
});
