import { randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Metadata, Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { ShippingServiceContract } from '#gen/shipping/v1/shipping.contract.ts';
import { createClients } from '../../mesh/app/program-clients.ts';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { scopeFields } from '../../mesh/telemetry/logger.ts';
import { type CapturedLog, captureLog } from '../../mesh/testing/captured-log.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd, withReason } from '../support/shop.ts';
import { clientsOf, openIssuer, withToken } from './support/callers.ts';

describe('a mesh in one process, whose callers have tokens', () => {
  let folder: TempFolder;
  let mesh: TestMesh;
  let log: CapturedLog;
  let clients: ClientFactory;
  let shop: Shop;
  let tokens: Record<'ada' | 'tom' | 'root', string>;

  beforeAll(async () => {
    folder = await tempFolder();
    const { issuer, settings } = await openIssuer(folder.path);
    tokens = {
      ada: await issuer.sign('ada', { claims: { roles: ['reader'] } }),
      tom: await issuer.sign('tom'),
      root: await issuer.sign('root', { claims: { roles: ['admin', 'operator'] } }),
    };
    log = captureLog({ level: 'trace', mixin: scopeFields });
    mesh = await startMesh(allServices, { ...settings, HTTP_LISTEN: '127.0.0.1:0' }, log.logger);
    clients = clientsOf(mesh.address);
    shop = shopOf(clients);
    await withToken(tokens.root, () => fillShop(shop));
  }, 60_000);

  afterAll(async () => {
    clients.close();
    await mesh.stop();
    await folder[Symbol.asyncDispose]();
  });

  /** Places an order over HTTP, as Ada, and waits for its end. */
  async function placeToEnd(): Promise<string> {
    const { userId, items, shippingAddress } = bookOrder();
    const response = await fetch(`http://${mesh.httpAddress}/api/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${tokens.ada}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
        'mesh-subject': 'tom',
        'mesh-roles': 'admin',
      },
      body: JSON.stringify({ userId, items, shippingAddress }),
    });
    expect(await response.clone().text()).toContain('PENDING');
    const { id } = (await response.json()) as { readonly id: string };
    const seen = await withToken(tokens.ada, () => watchToEnd(shop.orders, id));
    expect(seen.at(-1)).toMatchObject({ id, failure: undefined });
    return id;
  }

  it('drives the order of a user to its end, and names who has done what', async () => {
    const id = await placeToEnd();
    const events = await withToken(tokens.ada, () =>
      Array.fromAsync(shop.accounts.listAccountEvents({ accountId: 'ada', afterVersion: 0n })),
    );
    const actors = events.map(({ type, reference, actor }) => [type, reference, actor]);
    expect(actors).toEqual([
      ['ACCOUNT_OPENED', '', 'operator'],
      ['MONEY_DEPOSITED', '', 'operator'],
      ['MONEY_WITHDRAWN', `order:${id}`, 'service:order;user:ada'],
    ]);
    const published = await publishedOf('order.events', id);
    expect(published[0]).toBe('ORDER_PLACED user:ada');
    expect(published.slice(1)).toEqual(
      published.slice(1).map((text) => `${text.split(' ')[0]} service:order;user:ada`),
    );
    expect(published.at(-1)).toBe('ORDER_COMPLETED service:order;user:ada');
  });

  it('has caller and subject of each call in its log lines, and no roles', async () => {
    const lines = () => log.lines.filter(({ method }) => method === '/payment.v1.PaymentService/Charge');
    await eventually(() => expect(lines()).not.toEqual([]));
    for (const line of lines()) expect(line).toMatchObject({ caller: 'order', subject: 'ada' });
    const placing = log.lines.filter(({ method }) => method === '/order.v1.OrderService/PlaceOrder');
    // The edge, and the service itself.
    expect(new Set(placing.map(({ msg }) => msg))).toEqual(new Set(['HTTP request', 'call']));
    for (const line of placing) {
      expect(line).toMatchObject({ subject: 'ada' });
      expect(line).not.toHaveProperty('caller');
    }
    expect(JSON.stringify(log.lines)).not.toContain('reader');
  });

  it('believes nobody who only says who calls', async () => {
    const outside = await createClients(mesh.address, { logLevel: 'silent' });
    const claims = {
      'mesh-subject': 'ada',
      'mesh-roles': 'admin',
      'mesh-service': 'order',
      'mesh-process-secret': 'x',
    };
    const accounts = outside.client(AccountServiceContract);
    const call = accounts.getBalance({ accountId: 'ada' }, { metadata: Metadata(claims) });
    await expect(call).rejects.toMatchObject({ code: Status.UNAUTHENTICATED });
    const response = await fetch(`http://${mesh.httpAddress}/api/accounts/ada`, { headers: claims });
    expect(response.status).toBe(401);
    const dropped = (wire: string) =>
      expect.stringMatching(new RegExp(`identity_metadata_dropped_total\\{wire="${wire}"\\} [1-9]`));
    const { text } = await mesh.runtime.metrics.scrape();
    expect([text, text]).toEqual([dropped('grpc'), dropped('http')]);
    outside.close();
  });

  it('gives nobody the response that was stored for another user', async () => {
    const order = bookOrder({ userId: 'ada', quantity: 1 });
    const placed = await withToken(tokens.ada, () => shop.orders.placeOrder(order));
    const again = await withToken(tokens.ada, () => shop.orders.placeOrder(order));
    expect(again).toEqual(placed);
    const byRoot = await withToken(tokens.root, () => shop.orders.placeOrder(order, withReason));
    expect(byRoot.id).not.toBe(placed.id);
    const byTom = withToken(tokens.tom, () => shop.orders.placeOrder(order));
    await expect(byTom).rejects.toMatchObject({ code: Status.PERMISSION_DENIED });
    for (const { id } of [placed, byRoot]) await withToken(tokens.ada, () => watchToEnd(shop.orders, id));
  });

  it('shows the shipment of an order that an operator places to the user of the order', async () => {
    const { id } = await withToken(tokens.root, () =>
      shop.orders.placeOrder(bookOrder({ userId: 'ada', quantity: 1 }), withReason),
    );
    await withToken(tokens.ada, () => watchToEnd(shop.orders, id));
    const shipping = clients.client(ShippingServiceContract);
    const shipment = await withToken(tokens.ada, () => shipping.getShipment({ orderId: id }));
    expect(shipment).toMatchObject({ orderId: id, userId: 'ada' });
  });

  it('stores and logs no token', async () => {
    const [, , signature = ''] = tokens.ada.split('.');
    expect(JSON.stringify(log.lines)).not.toContain(signature);
    const files = await readdir(mesh.dataDir, { recursive: true, withFileTypes: true });
    const names = files.filter((file) => file.isFile()).map(({ parentPath, name }) => join(parentPath, name));
    expect(names.filter((name) => name.endsWith('.db')).length).toBeGreaterThan(3);
    const searched = await Promise.all(names.map(async (name) => [name, await readFile(name)] as const));
    // The subject is there, so what is stored of a caller is where this looks.
    expect(searched.some(([, bytes]) => bytes.includes('service:order;user:ada'))).toBe(true);
    expect(searched.filter(([, bytes]) => bytes.includes(signature))).toEqual([]);
  });

  /** The type and the actor of each event of an aggregate. */
  async function publishedOf(topic: string, key: string): Promise<string[]> {
    const found: string[] = [];
    const reading = new AbortController();
    for await (const event of mesh.runtime.events.read(topic, { at: 'beginning' }, reading.signal)) {
      if (event.key !== key) continue;
      found.push(`${event.headers.ce_type} ${event.headers.ce_actor}`);
      if (event.headers.ce_type === 'ORDER_COMPLETED') return found;
    }
    return found;
  }
});
