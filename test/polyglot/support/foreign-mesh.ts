import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createClients } from '../../../mesh/app/program-clients.ts';
import type { ClientFactory } from '../../../mesh/client/client-factory.ts';
import { engineOfRun } from '../../../mesh/testing/engine-of-run.ts';
import { freePort } from '../../../mesh/testing/servers/free-port.ts';
import { shippingGo } from '../../../mesh/testing/servers/go-tools.ts';
import { grpcPythonPath } from '../../../mesh/testing/servers/grpc-python.ts';
import { type StartedProcess, startProcess } from '../../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../../mesh/testing/temp-folder.ts';
import { writeClients } from '../../../scripts/clients/clients.ts';
import { type Shop, shopOf } from '../../support/shop.ts';
import { type ExampleProgram, type ProgramOptions, startProgram } from './example-program.ts';

const inventoryMain = fileURLToPath(new URL('../../../examples/services/inventory-python/main.py', import.meta.url));

/** How to start an example service. */
export interface ExampleService extends ProgramOptions {
  readonly address: string;
}

/** The shipping service in Go on a free port, with a database in `folder`. */
export async function shippingInGo(folder: string): Promise<ExampleService> {
  const address = `127.0.0.1:${await freePort()}`;
  return { address, command: [shippingGo.path, '-listen', address, '-database', join(folder, 'shipping.db')] };
}

/** The inventory service in Python on a free port, with a database in `folder`. Writes the clients that it imports there. */
export async function inventoryInPython(folder: string): Promise<ExampleService> {
  const [address, clients] = [`127.0.0.1:${await freePort()}`, join(folder, 'python')];
  await writeClients('python', clients);
  return {
    address,
    command: [grpcPythonPath, inventoryMain, '--listen', address, '--database', join(folder, 'inventory.db')],
    environment: { PYTHONPATH: clients },
  };
}

/** All services of a mesh, but shipping in Go and inventory in Python, each in its own process. */
export interface ForeignMesh extends AsyncDisposable {
  readonly mesh: StartedProcess;
  readonly shipping: ExampleProgram;
  readonly inventory: ExampleProgram;
  readonly shop: Shop;
}

export async function startForeignMesh(): Promise<ForeignMesh> {
  // If a start fails, what was started before is stopped.
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await tempFolder());
  const [shippingService, inventoryService] = [await shippingInGo(folder.path), await inventoryInPython(folder.path)];
  const shipping = stack.use(await startProgram(shippingService));
  const inventory = stack.use(await startProgram(inventoryService));
  const mesh = stack.use(
    await startProcess({
      dataDir: join(folder.path, 'data'),
      args: ['user', 'payment', 'order', 'notification', 'report', 'bridge', 'ops'],
      environment: {
        DISCOVERY_URL: `static:shipping=${shippingService.address},inventory=${inventoryService.address}`,
      },
    }),
  );
  const addresses = { shipping: shippingService.address, inventory: inventoryService.address };
  const clients = await connectTo((name) => addresses[name as keyof typeof addresses] ?? mesh.address);
  stack.defer(() => clients.close());
  const started = stack.move();
  const dispose = () => started.disposeAsync();
  return { mesh, shipping, inventory, shop: shopOf(clients), [Symbol.asyncDispose]: dispose };
}

/** Creates clients for services at several addresses, by the first part of their package, such as `order`. */
export function connectTo(addressOf: (name: string) => string): Promise<ClientFactory> {
  const resolve = (contract: string) => addressOf(contract.slice(0, contract.indexOf('.')));
  return createClients(resolve, { engine: engineOfRun, logLevel: 'silent' });
}
