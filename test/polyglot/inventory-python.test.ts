import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createChannel, createClient, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type InventoryServiceClient, InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { eventually, tempFolder } from '#mesh/testing';
import { grpcPython } from '../../mesh/testing/servers/grpc-python.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startProgram } from './support/example-program.ts';
import { type ExampleService, inventoryInPython } from './support/foreign-mesh.ts';

describeWithServer(grpcPython, 'the inventory service in Python', () => {
  const stack = new AsyncDisposableStack();
  let database: string;
  let service: ExampleService;
  let inventory: InventoryServiceClient;

  beforeAll(async () => {
    const folder = stack.use(await tempFolder());
    database = join(folder.path, 'inventory.db');
    service = await inventoryInPython(folder.path);
    stack.use(await startProgram(service));
    const channel = createChannel(service.address);
    stack.defer(() => channel.close());
    inventory = createClient(InventoryServiceDefinition, channel);
  });
  afterAll(() => stack.disposeAsync());

  /** Calls by name, each with a valid request. */
  const reads: Record<string, () => Promise<unknown>> = {
    GetItem: () => inventory.getItem({ sku: 'none' }),
    ListItems: () => Array.fromAsync(inventory.listItems({})),
    ListReservations: () => Array.fromAsync(inventory.listReservations({})),
  };

  it.each(Object.keys(reads))('answers %s with UNAVAILABLE while its database is locked', async (method) => {
    using lock = new DatabaseSync(database);
    lock.exec('BEGIN IMMEDIATE');
    await expect(reads[method]?.()).rejects.toMatchObject({
      code: Status.UNAVAILABLE,
      details: 'database failed: call again, with the same request_id if there is one',
    });
    lock.exec('ROLLBACK');
  });

  it('answers INTERNAL after an error that comes again at every attempt', async () => {
    using breaking = new DatabaseSync(database);
    breaking.exec("CREATE TRIGGER broken BEFORE INSERT ON items BEGIN SELECT RAISE(ABORT, 'planted'); END");
    const item = { sku: 'broken', name: 'Broken', unitPrice: { currencyCode: 'EUR', minorUnits: 1n } };
    await expect(inventory.createItem({ item })).rejects.toMatchObject({
      code: Status.INTERNAL,
      details: 'unexpected error: see the log of this service',
    });
    breaking.exec('DROP TRIGGER broken');
  });

  it.each([
    ['another process has its port', [], 'cannot listen on '],
    [
      'its database cannot be opened',
      ['--database', '/nonexistent/i.db'],
      'cannot open /nonexistent/i.db: unable to open',
    ],
  ])('exits if %s', async (_, options, reason) => {
    const second = startProgram({ ...service, command: [...service.command, ...options] });
    await expect(second).rejects.toThrow(reason);
    await expect(second).rejects.not.toThrow('Traceback');
  });

  describe('with listings whose callers do not read', () => {
    beforeAll(async () => {
      const create = (index: number) =>
        inventory.createItem({
          item: { sku: `item-${index}`, name: 'n'.repeat(200), unitPrice: { currencyCode: 'EUR', minorUnits: 1n } },
        });
      for (let index = 0; index < 2_000; index += 100) {
        await Promise.all(Array.from({ length: 100 }, (_, offset) => create(index + offset)));
      }
    });

    it('serves other calls, refuses more listings, and serves them after a cancellation', async () => {
      const cancel = new AbortController();
      const listings = Array.from({ length: 16 }, () =>
        inventory.listItems({}, { signal: cancel.signal })[Symbol.asyncIterator](),
      );
      const first = await Promise.all(
        listings.map((listing) =>
          listing.next().then(
            () => 'item',
            ({ code }) => Status[code],
          ),
        ),
      );
      expect(Map.groupBy(first, (outcome) => outcome)).toEqual(
        new Map([
          ['item', Array(8).fill('item')],
          ['RESOURCE_EXHAUSTED', Array(8).fill('RESOURCE_EXHAUSTED')],
        ]),
      );
      const signal = AbortSignal.timeout(5_000);
      await expect(inventory.getItem({ sku: 'item-1' }, { signal })).resolves.toMatchObject({ sku: 'item-1' });

      cancel.abort();
      const all = () => Array.fromAsync(inventory.listItems({}));
      await eventually(async () => expect(await all()).toHaveLength(2_000));
    });
  });
});
