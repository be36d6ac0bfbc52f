import { describe, expect, it, onTestFinished } from 'vitest';
import { intercept } from '../../mesh/testing/intercept.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { startMesh } from '../../mesh/testing/start-mesh.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { onRuntime } from '../../mesh/testing/test-service.ts';
import { allServices } from '../../services/all.ts';
import { orderService } from '../../services/order/service.ts';
import { bookOrder, fillShop, shopOf } from '../support/shop.ts';
import { startCarrier } from '../support/test-carrier.ts';
import { follow } from './support/follow.ts';
import { get } from './support/listing.ts';

const portOf = (address = '') => Number(address.split(':')[1]);

/** A shop whose orders wait before each of these steps until they are released. */
async function startShop() {
  const gates = { reserveStock: Promise.withResolvers<void>(), createShipment: Promise.withResolvers<void>() };
  const waitFor = (gate: keyof typeof gates) => async (run: () => Promise<unknown>) => {
    await gates[gate].promise;
    return await run();
  };
  const waiting = onRuntime(orderService, (runtime) => ({
    ...runtime,
    client: (contract, options) =>
      intercept(runtime.client(contract, options), {
        reserveStock: waitFor('reserveStock'),
        createShipment: waitFor('createShipment'),
      }),
  }));
  const services = allServices.map((service) => (service === orderService ? waiting : service));
  const mesh = await startMesh(services, { HTTP_LISTEN: '127.0.0.1:0' });
  onTestFinished(async () => {
    for (const gate of Object.values(gates)) gate.resolve();
    await mesh.stop();
  });
  const shop = shopOf(mesh.runtime);
  await fillShop(shop);
  return { mesh, shop, release: (gate: keyof typeof gates) => gates[gate].resolve() };
}

const stateOf = ({ data }: { readonly data?: { readonly state: string } }) => data?.state.replace('ORDER_STATE_', '');

describe('an order that is followed by EventSource', () => {
  it('is seen from PENDING to COMPLETED, each change once, although the connection is cut', {
    timeout: 60_000,
  }, async () => {
    const { mesh, shop, release } = await startShop();
    await using proxy = await startFaultProxy(portOf(mesh.httpAddress));
    const { id } = await shop.orders.placeOrder(bookOrder());
    const followed = follow(`http://127.0.0.1:${proxy.port}/api/orders/${id}:watch`);
    await followed.until((events) => expect(events.map(stateOf)).toContain('PENDING'));
    release('reserveStock');
    await followed.until((events) => expect(events.map(stateOf)).toContain('PAID'));
    proxy.cut();
    await followed.until((events) => expect(events.map(({ event }) => event).join()).toMatch(/open.*open/));
    release('createShipment');
    expect(await followed.ended).toEqual({ code: 0, signal: null });
    expect(followed.messages().map(stateOf)).toEqual(['PENDING', 'RESERVED', 'PAID', 'SHIPPED', 'COMPLETED']);
    for (const { id: eventId, data } of followed.messages()) expect(eventId).toBe(data.etag);
    expect(followed.events().at(-1)?.event).toBe('end');
  });

  it('is not asked for again once it has ended', { timeout: 60_000 }, async () => {
    const { mesh, shop, release } = await startShop();
    release('reserveStock');
    release('createShipment');
    const { id } = await shop.orders.placeOrder(bookOrder());
    const path = `/api/orders/${id}:watch`;
    const accept = 'text/event-stream';
    const seen = await get(mesh.httpAddress ?? '', path, { accept });
    const lastId = [...seen.text.matchAll(/^id: (.*)$/gm)].at(-1)?.[1] ?? '';
    const again = await get(mesh.httpAddress ?? '', path, { accept, 'last-event-id': lastId });
    expect(again.text).toBe(`retry: 1000\nid: ${lastId}\n\nevent: end\ndata: {}\n\n`);
  });

  it('survives a kill -9 of the order service, without another connection', { timeout: 120_000 }, async () => {
    await using stack = new AsyncDisposableStack();
    const { path } = stack.use(await tempFolder());
    const carrier = stack.use(await startCarrier(path));
    const [orderAddress, restAddress] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    const services = ['user', 'inventory', 'payment', 'shipping'];
    const discovery = [...services.map((name) => `${name}=${restAddress}`), `order=${orderAddress}`].join();
    const environment = { DISCOVERY_URL: `static:${discovery}`, CARRIER_URL: carrier.url };
    const start = (name: string, args: readonly string[], more: Record<string, string>) =>
      startProcess({ dataDir: `${path}/${name}`, args, environment: { ...environment, ...more } });
    const startOrders = async () => stack.use(await start('order', ['order'], { GRPC_LISTEN: orderAddress }));
    const rest = stack.use(await start('rest', services, { GRPC_LISTEN: restAddress }));
    const orders = await startOrders();
    const gateway = stack.use(
      await start('gateway', ['gateway'], { HTTP_LISTEN: '127.0.0.1:0', GRPC_ENGINE: 'native' }),
    );
    await fillShop({ ...shopOf(rest), orders: shopOf(orders).orders });
    const held = carrier.hold(1);
    const { id } = await shopOf(orders).orders.placeOrder(bookOrder());
    const followed = follow(`http://${gateway.httpAddress}/api/orders/${id}:watch`);
    await held.arrived;
    await followed.until((events) => expect(events.map(stateOf)).toContain('PAID'));
    await orders.kill9();
    await startOrders();
    held.release();
    expect(await followed.ended).toEqual({ code: 0, signal: null });
    expect(followed.events().filter(({ event }) => event === 'open')).toHaveLength(1);
    const versions = followed.messages().map(({ data }) => Number(data.etag));
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    expect(followed.messages().map(stateOf)).toEqual(expect.arrayContaining(['PAID', 'COMPLETED']));
    expect(followed.events().at(-1)?.event).toBe('end');
  });
});
