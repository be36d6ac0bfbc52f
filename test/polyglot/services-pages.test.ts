import { execSync } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../mesh/testing/eventually.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { orderEventsGo, shippingGo } from '../../mesh/testing/servers/go-tools.ts';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { kafka, startKafka } from '../../mesh/testing/servers/kafka-server.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../support/shop.ts';
import { connectTo } from './support/foreign-mesh.ts';
import { type PageCommands, pageCommands } from './support/page-commands.ts';

const folder = 'examples/services';

/** Prepares to follow a page, with other ports for what it starts, so that no other process has them. */
async function prepare(
  changes: Readonly<Record<string, string>> = {},
): Promise<PageCommands & { readonly mesh: string }> {
  const addresses = Array.from({ length: 3 }, async () => `127.0.0.1:${await freePort()}`);
  const [mesh = '', shipping = '', inventory = ''] = await Promise.all(addresses);
  const commands = await pageCommands({
    environment: { GRPC_LISTEN: mesh, ADDRESS: mesh, LOG_LEVEL: 'warn' },
    servers: /make start|go run \.|inventory-python\/main\.py|services\/main\.ts/,
    changes: {
      // `make deps` has installed them.
      'make deps-polyglot ': 'make ',
      'pip install': '.tools/python/bin/pip install --dry-run --no-index',
      'localhost:50051': mesh,
      '127.0.0.1:50061': shipping,
      '127.0.0.1:50062': inventory,
      'go run .)': `go run . -listen ${shipping})`,
      'python examples/services/inventory-python/main.py': `$& --listen ${inventory}`,
      ...changes,
    },
  });
  return { ...commands, mesh };
}

describe('the commands of examples/services', { timeout: 120_000 }, () => {
  describeWithServer(shippingGo, 'with Go', () => {
    it('start the shipping service', async () => {
      await using commands = await prepare();
      await commands.follow(`${folder}/shipping-go/README.md`);
    });

    describeWithServer(grpcPython, 'and Python', () => {
      it('complete an order with both services, and check both', async () => {
        await using commands = await prepare();
        await commands.follow(`${folder}/README.md`);
        const untracked = execSync('git init -q && git ls-files --others --exclude-standard', { cwd: commands.folder });
        const databases = `${untracked}`.split('\n').filter((path) => path.includes('.db'));
        expect(databases).toEqual([]);
      });
    });
  });

  describeWithServer(grpcPython, 'with Python', () => {
    it('start the inventory service', async () => {
      await using commands = await prepare();
      await commands.follow(`${folder}/inventory-python/README.md`);
    });
  });

  describeWithServer(orderEventsGo, 'with Go', () => {
    describeWithServer(kafka, 'and Kafka', () => {
      it('start a consumer, which counts an order', async () => {
        const server = await startKafka();
        await using stack = new AsyncDisposableStack();
        stack.defer(() => server.stop());
        const commands = stack.use(await prepare({ 'make kafka': 'true', 'localhost:9092': server.brokers }));
        await commands.follow(`${folder}/order-events-go/README.md`);

        const clients = await connectTo(() => commands.mesh);
        stack.defer(() => clients.close());
        const shop = shopOf(clients);
        await fillShop(shop);
        const { id } = await shop.orders.placeOrder(bookOrder());
        await watchToEnd(shop.orders, id);
        using database = new DatabaseSync(join(commands.folder, folder, 'order-events-go/spending.db'));
        const spending = database.prepare('SELECT user_id, orders FROM spending');
        await eventually(() => expect(spending.all()).toEqual([{ user_id: 'ada', orders: 1 }]));
      });
    });
  });
});
