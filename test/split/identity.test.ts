import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Status } from 'nice-grpc-common';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClientFactory } from '../../mesh/client/client-factory.ts';
import { createTestCa, type TestCa } from '../../mesh/testing/certificates.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { runnableServices } from '../../services/all.ts';
import { clientsOf, openIssuer, withToken } from '../identity/support/callers.ts';
import { bookOrder, fillShop, type Shop, shopOf, watchToEnd } from '../support/shop.ts';

describe('payment, the other services and a gateway, each with a certificate of its own', () => {
  let folder: TempFolder;
  let ca: TestCa;
  let settings: Record<string, string>;
  const meshes: TestMesh[] = [];
  const factories: ClientFactory[] = [];
  let tokens: Record<'ada' | 'root', string>;
  let gateway: TestMesh;
  /** With the gateway for orders and payments. */
  let shop: Shop;

  async function start(name: string, services: readonly string[], discovery = ''): Promise<TestMesh> {
    const { cert, key } = ca.issueFor(name);
    const [certFile, keyFile] = [join(folder.path, `${name}.pem`), join(folder.path, `${name}.key`)];
    await Promise.all([writeFile(certFile, cert), writeFile(keyFile, key)]);
    const tls = { TLS_CERT: certFile, TLS_KEY: keyFile, TLS_CA: join(folder.path, 'ca.pem') };
    const mesh = await startMesh(
      runnableServices.filter((service) => services.includes(service.name)),
      {
        ...settings,
        ...tls,
        GRPC_ENGINE: 'native',
        METRICS_LISTEN: '',
        ...(discovery && { DISCOVERY_URL: discovery }),
      },
    );
    meshes.push(mesh);
    return mesh;
  }

  function clientsAt({ address }: TestMesh, certificate: { cert?: string; key?: string } = {}): ClientFactory {
    const material = { ca: ca.cert, ...certificate } as { ca: string; cert: string; key: string };
    const identity = { current: material, onChange: () => () => undefined };
    const clients = clientsOf(address, { tls: certificate.cert ? { identity } : { ca: ca.cert } });
    factories.push(clients);
    return clients;
  }

  beforeAll(async () => {
    folder = await tempFolder();
    ca = await createTestCa();
    await writeFile(join(folder.path, 'ca.pem'), ca.cert);
    const opened = await openIssuer(folder.path);
    settings = opened.settings;
    tokens = {
      ada: await opened.issuer.sign('ada'),
      root: await opened.issuer.sign('root', { claims: { roles: ['admin', 'operator'] } }),
    };
    const payment = await start('payment', ['payment']);
    const others = ['user', 'inventory', 'shipping', 'order', 'notification'];
    const order = await start('order', others, `static:payment=${payment.address}`);
    gateway = await start('gateway', ['gateway'], `static:payment=${payment.address},order=${order.address}`);
    const [direct, through] = [shopOf(clientsAt(order)), shopOf(clientsAt(gateway))];
    shop = { ...direct, orders: through.orders, accounts: through.accounts, payments: through.payments };
    await withToken(tokens.root, () => fillShop(shop));
  }, 60_000);

  afterAll(async () => {
    for (const clients of factories) clients.close();
    for (const mesh of meshes.toReversed()) await mesh.stop();
    await folder[Symbol.asyncDispose]();
  });

  it('know the user at each step, and the service that acts for the user', async () => {
    const { id } = await withToken(tokens.ada, () => shop.orders.placeOrder(bookOrder()));
    const seen = await withToken(tokens.ada, () => watchToEnd(shop.orders, id));
    expect(seen.at(-1)).toMatchObject({ id, failure: undefined });
    const events = await withToken(tokens.ada, () =>
      Array.fromAsync(shop.accounts.listAccountEvents({ accountId: 'ada', afterVersion: 0n })),
    );
    expect(events.map(({ actor }) => actor)).toEqual(['operator', 'operator', 'service:order;user:ada']);
  });

  it('let nobody have the rights of the gateway, or of a service, through it', async () => {
    const amount = { currencyCode: 'EUR', minorUnits: 1n };
    const charge = { requestId: randomUUID(), orderId: randomUUID(), userId: 'ada', amount };
    const [unknown, denied] = [{ code: Status.UNAUTHENTICATED }, { code: Status.PERMISSION_DENIED }];
    await expect(shop.payments.charge(charge)).rejects.toMatchObject(unknown);
    await expect(withToken(tokens.ada, () => shop.payments.charge(charge))).rejects.toMatchObject(denied);
    // What comes through a gateway is never a call of a service, even if a service sends it.
    const order = shopOf(clientsAt(gateway, ca.issueFor('order')));
    await expect(order.payments.charge(charge)).rejects.toMatchObject(unknown);
    const direct = shopOf(clientsAt(meshes[0] as TestMesh, ca.issueFor('order')));
    await expect(direct.payments.charge(charge)).resolves.toMatchObject({ userId: 'ada', amount });
  });
});
