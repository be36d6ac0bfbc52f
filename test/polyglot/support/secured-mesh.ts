import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { createClients } from '../../../mesh/app/program-clients.ts';
import { engineOfRun } from '../../../mesh/testing/engine-of-run.ts';
import { startGuardedMesh } from '../../../mesh/testing/start-guarded-mesh.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { openCertsFolder, programCertificate } from '../../../scripts/certs/certs-folder.ts';
import { allServices } from '../../../services/all.ts';

/** A mesh that asks who calls, and what a client in another language needs to show it. */
export interface SecuredMesh extends AsyncDisposable {
  /** The settings of the program, as examples/clients/README.md lists them. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Starts a mesh that needs certificates and tokens, with a user and an order of another one. */
export async function startSecuredMesh(): Promise<SecuredMesh> {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const [certs, others] = ['certs', 'others'].map((name) => openCertsFolder(join(folder.path, name)));
  if (certs === undefined || others === undefined) throw new Error('two folders were opened');
  certs.prepare();
  others.prepare();
  certs.sign(['mesh', programCertificate]);
  const [server, program] = [certs.filesOf('mesh'), certs.filesOf(programCertificate)];
  const tls = { TLS_CERT: server.cert, TLS_KEY: server.key, TLS_CA: server.ca, TLS_CLIENTS: 'required' };
  const mesh = stack.adopt(await startGuardedMesh(allServices, tls), (started) => started.stop());
  const pem = (path: string) => readFileSync(path, 'utf8');
  const clients = await createClients(mesh.address, {
    engine: engineOfRun,
    tls: { ca: pem(program.ca), cert: pem(program.cert), key: pem(program.key) },
    token: await mesh.tokenOf({ subject: 'olga', roles: ['operator'] }),
    reason: 'a test',
  });
  const { client } = stack.adopt(clients, ({ close }) => close());
  const [userId, otherId] = [`ada-${randomUUID()}`, `eve-${randomUUID()}`];
  for (const id of [userId, otherId])
    await client(UserServiceContract).createUser({ user: { id, name: 'Ada', email: `${id}@example.com` } });
  const unitPrice = { currencyCode: 'EUR', minorUnits: 500n };
  await client(InventoryServiceContract).createItem({ item: { sku: 'lamp', name: 'Lamp', unitPrice, onHand: 9n } });
  const shippingAddress = { recipient: 'Eve', lines: ['1 Road'], city: 'Town', postalCode: '1', countryCode: 'DE' };
  const items = [{ sku: 'lamp', quantity: 1 }];
  const order = await client(OrderServiceContract).placeOrder({ userId: otherId, items, shippingAddress });
  const opened = stack.move();
  return {
    environment: {
      ADDRESS: `localhost:${mesh.address.split(':')[1]}`,
      TLS_CA: program.ca,
      TLS_CERT: program.cert,
      TLS_KEY: program.key,
      ORDERMESH_TOKEN: await mesh.tokenOf({ subject: userId }),
      USER_ID: userId,
      OTHER_CA: others.ca,
      OTHER_ORDER: order.id,
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
