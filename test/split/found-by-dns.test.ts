import { expect, it } from 'vitest';
import { OrderState } from '#gen/order/v1/order.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { knot, startKnot } from '../../mesh/testing/servers/knot.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';

const participants = ['user', 'inventory', 'payment', 'shipping'];

describeWithServer(knot, 'processes that find each other by DNS', () => {
  it('complete an order, and the next one after the called services have moved', async () => {
    await using dns = await startKnot();
    await using folder = await tempFolder();
    const port = await freePort();
    const serveAt = (ip: string) => dns.serve(participants.map((name) => `${name}.mesh.test. 1 A ${ip}`));
    const startAt = (ip: string) =>
      startProcess({
        dataDir: `${folder.path}/called`,
        args: participants,
        environment: { GRPC_LISTEN: `${ip}:${port}` },
      });

    const first = await startAt('127.0.0.2');
    await serveAt('127.0.0.2');
    await using order = await startProcess({
      dataDir: `${folder.path}/order`,
      args: ['order'],
      environment: { DISCOVERY_URL: `dns://${dns.address}/<service>.mesh.test:${port}` },
    });
    await fillShop(shopOf(first));
    const { orders } = shopOf(order);
    const completes = async () => {
      const { id } = await orders.placeOrder(bookOrder());
      expect((await watchToEnd(orders, id)).at(-1)?.state).toBe(OrderState.ORDER_STATE_COMPLETED);
    };
    await completes();

    await first.stop();
    await using _second = await startAt('127.0.0.3');
    await serveAt('127.0.0.3');
    await expect.poll(() => completes().then(() => 'completed', String), { timeout: 30_000 }).toBe('completed');
    expect((await order.stop()).code).toBe(0);
  }, 60_000);
});
