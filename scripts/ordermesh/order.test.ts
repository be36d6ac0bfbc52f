import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import { AccountServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { findMails } from '../../examples/demo/find-traces.ts';
import { connect } from '../../examples/support/mesh.ts';
import { startMesh, type TestMesh } from '../../mesh/testing/start-mesh.ts';
import { type TempFolder, tempFolder } from '../../mesh/testing/temp-folder.ts';
import { allServices } from '../../services/all.ts';
import { bookOrder, fillShop, shopOf, watchToEnd } from '../../test/support/shop.ts';
import { spawnTool } from './testing/spawn-tool.ts';

describe('make order', () => {
  let folder: TempFolder;
  let mesh: TestMesh;

  beforeAll(async () => {
    folder = await tempFolder();
    mesh = await startMesh(allServices, { DATA_DIR: folder.path });
    const { client } = mesh.runtime;
    const price = { currencyCode: 'USD', minorUnits: 1_999n };
    await client(UserServiceContract).createUser({ user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } });
    await client(InventoryServiceContract).createItem({
      item: { sku: 'lamp', name: 'Lamp', unitPrice: price, onHand: 99n },
    });
    await client(AccountServiceContract).openAccount({ accountId: 'ada', currencyCode: 'USD' });
    const amount = { currencyCode: 'USD', minorUnits: 20_000n };
    await client(AccountServiceContract).deposit({ accountId: 'ada', amount });
  });
  afterAll(async () => {
    await mesh.stop();
    await folder[Symbol.asyncDispose]();
  });

  const run = (...args: string[]) => spawnTool('order', mesh.address, args);

  /** Places an order and waits until it has ended. Returns its id. */
  async function order(quantity: number): Promise<string> {
    const orders = mesh.runtime.client(OrderServiceContract);
    const shippingAddress = {
      recipient: 'Ada',
      lines: ['1 Road'],
      city: 'London',
      postalCode: 'N1',
      countryCode: 'GB',
    };
    const { id } = await orders.placeOrder({ userId: 'ada', items: [{ sku: 'lamp', quantity }], shippingAddress });
    for await (const change of orders.watchOrder({ id })) expect(change.id).toBe(id);
    return id;
  }

  it('shows the steps, events and mails of an order, and none of another order of the same user', async () => {
    await order(1);
    const id = await order(1);
    const { code, lines, errors } = await run(id);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines[0]).toBe(`order    ${id} is COMPLETED`);
    expect(lines).toContain('item     1 x lamp at USD 19.99');
    const shown = lines.join('\n');
    expect(shown).toMatch(/saga +commit-stock +DONE in \d+ ms/);
    expect(shown).toMatch(/mail +order-completed +task on email-jobs, SENT to ada@example.com/);
    expect(shown.match(/event +MONEY_WITHDRAWN/g)).toHaveLength(1);
    expect(shown).not.toMatch(/event +MONEY_DEPOSITED/);
  });

  it('shows an order whose saga was removed', async () => {
    const id = await order(1);
    await mesh.stop();
    const file = new DatabaseSync(join(folder.path, 'order.db'));
    file.prepare('DELETE FROM saga WHERE id = ?').run(id);
    file.close();
    mesh = await startMesh(allServices, { DATA_DIR: folder.path });
    const { code, lines, errors } = await run(id);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines[0]).toContain(`order    ${id} is `);
    expect(lines.join('\n')).toMatch(/its saga has ended so long ago that it was removed/);
  });

  it('shows why an order failed', async () => {
    const id = await order(50);
    const { code, lines } = await run(id);
    expect(code).toBe(0);
    expect(lines[0]).toBe(`order    ${id} is FAILED`);
    expect(lines).toContainEqual(expect.stringMatching(/^failure {2}INSUFFICIENT_FUNDS: /));
    expect(lines.join('\n')).toMatch(/event +STOCK_RELEASED/);
  });

  it('prints an order as one line of JSON', async () => {
    const id = await order(1).catch(() => order(1));
    const { lines } = await run(id, '--json');
    expect(lines).toHaveLength(1);
    const { order: shown, saga, events, mails, faults } = JSON.parse(lines[0] ?? '');
    expect(faults).toEqual([]);
    expect(shown).toMatchObject({ id, userId: 'ada' });
    expect(saga).toMatchObject({ subjectId: id });
    expect(events.length).toBeGreaterThan(2);
    expect(mails).toMatchObject([{ orderId: id }, { orderId: id }]);
    for (const event of events)
      expect(event).toMatchObject({ partition: expect.any(Number), offset: expect.any(String) });
  });

  it('refuses an order that does not exist', async () => {
    const refused = /^refused with NOT_FOUND \(ORDER_NOT_FOUND\): /;
    expect(await run('nope')).toMatchObject({ code: 4, errors: expect.stringMatching(refused) });
    expect(JSON.parse((await run('nope', '--json')).errors)).toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('nope'),
      details: [{ '@type': 'google.rpc.ErrorInfo', reason: 'ORDER_NOT_FOUND' }],
    });
    expect(await run()).toEqual({
      code: 2,
      lines: [''],
      errors: 'order needs the id of an order, as PlaceOrder returned it: "make order ID=<id>"\n',
    });
  });

  it('shows an order of which the log has a damaged event, and immediately why events and mails are missing', async () => {
    await mesh.stop();
    const withoutMails = allServices.filter(({ name }) => name !== 'notification');
    mesh = await startMesh(withoutMails, { DATA_DIR: folder.path });
    const id = await order(1);
    await mesh.stop();
    const file = new DatabaseSync(join(folder.path, 'events.db'));
    file.prepare("UPDATE record SET value = x'00' WHERE key = ?").run(id);
    file.close();
    // As if it ended in a minute: the command waits for mails until 10 s after that, however long the mesh takes to start.
    const orders = new DatabaseSync(join(folder.path, 'order.db'));
    orders.prepare('UPDATE orders SET update_time = ? WHERE id = ?').run(Date.now() + 60_000, id);
    orders.close();
    mesh = await startMesh(allServices, { DATA_DIR: folder.path });

    const { code, lines, errors } = await run(id);
    const found = await mesh.runtime.client(OrderServiceContract).getOrder({ id });
    expect(Date.now()).toBeLessThan(found.updateTime?.getTime() ?? 0);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const shown = lines.join('\n');
    expect(shown).toMatch(/saga +commit-stock +DONE/);
    expect(shown).toMatch(/-- events may be missing: record order\.events\/\d+\/\d+ is damaged.*"make damaged"/);
    expect(shown).toMatch(/-- mails may be missing: the notification service stops at the same event/);

    // Another order's event, which is not among those that the command reads, shows only in the health of the service.
    const clients = connect(mesh.address);
    const { faults } = await findMails(clients, { ...found, updateTime: new Date(Date.now() + 60_000) }, false);
    clients.close();
    expect(faults).toEqual([
      expect.stringMatching(/^event log .* is damaged: .*make damaged ARGS='skip order\.events/),
    ]);
  });
});

describe('make order in a mesh of several processes', () => {
  const stack = new AsyncDisposableStack();
  afterAll(() => stack.disposeAsync());

  /** Starts the services with these names. `addresses` has those of others, such as `inventory=127.0.0.1:50061`. */
  async function start(names: readonly string[], addresses: readonly string[]): Promise<TestMesh> {
    const services = allServices.filter(({ name }) => names.includes(name));
    const mesh = await startMesh(services, { DISCOVERY_URL: `static:${addresses}` });
    stack.defer(() => mesh.stop());
    return mesh;
  }

  it('shows what the services at the address know, and names what they do not', async () => {
    const there = await start(['inventory', 'shipping', 'payment'], []);
    const others = ['inventory', 'shipping', 'payment'].map((name) => `${name}=${there.address}`);
    const whole = await start(['user', 'order', 'notification', 'bridge', 'ops'], others);
    await fillShop({ ...shopOf(there.runtime), users: shopOf(whole.runtime).users });
    const { orders } = shopOf(whole.runtime);
    const { id } = await orders.placeOrder(bookOrder());
    await watchToEnd(orders, id);

    const { code, lines, errors } = await spawnTool('order', whole.address, [id]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    const shown = lines.join('\n');
    expect(shown).toMatch(/saga +commit-stock +DONE/);
    expect(shown).toMatch(/event +ORDER_COMPLETED/);
    expect(shown).toMatch(/mail +order-completed/);
    expect(lines.filter((line) => line.startsWith('  --'))).toEqual(
      ['inventory', 'payment', 'shipping'].map(
        (service) => `  -- events may be missing: no service publishes ${service}.events here`,
      ),
    );

    const refused = await spawnTool('order', there.address, [id]);
    expect(refused).toMatchObject({
      code: 4,
      errors: `the process at ${there.address} does not serve order.v1.OrderService/GetOrder: use an address where order is served too\n`,
    });
  });

  it('shows an order alone if nothing else is served at the address', async () => {
    const there = await start(['user', 'inventory', 'shipping', 'payment'], []);
    const others = ['user', 'inventory', 'shipping', 'payment'].map((name) => `${name}=${there.address}`);
    const alone = await start(['order'], others);
    await fillShop(shopOf(there.runtime));
    const { orders } = shopOf(alone.runtime);
    const { id } = await orders.placeOrder(bookOrder());
    await watchToEnd(orders, id);

    const { code, lines, errors } = await spawnTool('order', alone.address, [id]);
    expect({ code, errors }).toEqual({ code: 0, errors: '' });
    expect(lines[0]).toBe(`order    ${id} is COMPLETED`);
    expect(lines.filter((line) => line.startsWith('  --'))).toEqual([
      '  -- saga steps are missing: ops is not served at this address',
      '  -- events may be missing: bridge is not served at this address',
      '  -- mails may be missing: notification is not served at this address',
    ]);
  });
});
