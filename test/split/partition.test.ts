import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AuditServiceContract } from '#gen/ops/v1/audit.contract.ts';
import { type Order, OrderState } from '#gen/order/v1/order.ts';
import { eventually } from '../../mesh/testing/eventually.ts';
import { startFaultProxy } from '../../mesh/testing/servers/fault-proxy.ts';
import { freePort } from '../../mesh/testing/servers/free-port.ts';
import { createNetwork, networkNamespaces } from '../../mesh/testing/servers/network-namespaces.ts';
import { describeWithServer } from '../../mesh/testing/servers/servers.ts';
import { startProcess } from '../../mesh/testing/servers/start-process.ts';
import { tempFolder } from '../../mesh/testing/temp-folder.ts';
import { expectConserved, expectNothingStuck, expectPaidOnce } from '../support/invariants.ts';
import { bookOrder, fillShop, shopOf, stocked, watchToEnd } from '../support/shop.ts';

/** Two machines: the shop places orders, and the bank charges for them. */
interface Site {
  readonly shop: Machine;
  readonly bank: Machine;
  /** Where the shop finds the bank. */
  readonly bankAddress: string;
  part(): void;
  join(): void;
}

interface Machine {
  /** `GRPC_LISTEN`. */
  readonly listen: string;
  readonly command: readonly string[];
}

const shopServices = ['user', 'inventory', 'shipping', 'order', 'ops'];
/** Longer than a charge waits for its answer, so calls are lost, time out and are repeated into the void. */
const partedMs = 6_000;
const isCompleted = ({ state }: Order) => state === OrderState.ORDER_STATE_COMPLETED;

/** Orders before, during and after the parting complete, and each is charged once. */
async function expectPartingOutlived(site: Site): Promise<void> {
  await using folder = await tempFolder();
  const start = (name: string, { listen, command }: Machine, args: readonly string[], discovery = '') =>
    startProcess({
      dataDir: `${folder.path}/${name}`,
      through: command,
      args,
      // The network between the two machines has no other.
      environment: { GRPC_LISTEN: listen, ALLOW_INSECURE: '1', ...(discovery && { DISCOVERY_URL: discovery }) },
    });
  await using bank = await start('bank', site.bank, ['payment']);
  await using process = await start('shop', site.shop, shopServices, `static:payment=${site.bankAddress}`);
  const { accounts, payments } = shopOf(bank);
  const shop = { ...shopOf(process), accounts, payments };
  await fillShop(shop);
  const place = async () => (await shop.orders.placeOrder(bookOrder({ quantity: 1 }))).id;
  const placeSome = () => Promise.all(Array.from({ length: 8 }, place));
  const quote = () => shop.orders.quoteOrder({ userId: 'ada', items: [{ sku: stocked.sku, quantity: 1 }] });

  const before = await placeSome();
  await Promise.all(before.map((id) => watchToEnd(shop.orders, id)));
  expect(await quote()).toMatchObject({ balanceFromCache: false });

  const underWay = await placeSome();
  site.part();
  const during = await placeSome();
  expect(await quote()).toMatchObject({ balanceFromCache: true, balance: { currencyCode: 'EUR' } });
  await sleep(partedMs);
  const unfinished = await Promise.all(during.map((id) => shop.orders.getOrder({ id })));
  expect(unfinished.filter(isCompleted)).toEqual([]);

  site.join();
  const startMs = performance.now();
  const after = await placeSome();
  const ids = [...before, ...underWay, ...during, ...after];
  const orders = await eventually(
    async () => {
      const all = await Promise.all(ids.map((id) => shop.orders.getOrder({ id })));
      expect(all.every(isCompleted)).toBe(true);
      return all;
    },
    { timeoutMs: 40_000, intervalMs: 200 },
  );
  console.info(`all orders completed ${((performance.now() - startMs) / 1_000).toFixed(1)} s after the link was back`);
  await expectPaidOnce(shop, orders);
  await expectConserved(shop, orders);
  await expectNothingStuck(shop);
  await eventually(async () => expect(await quote()).toMatchObject({ balanceFromCache: false }));
  const reports = await Array.fromAsync(process.client(AuditServiceContract).runAudit({}));
  expect(reports.filter(({ report }) => report?.$case !== 'check' || report.value.error !== '')).toEqual([]);
}

// They mostly wait.
describe.concurrent('two machines that lose their link', () => {
  describeWithServer(networkNamespaces, 'in both directions, between two network namespaces', () => {
    it('complete all orders once it is back, and charge each once', { timeout: 120_000 }, async () => {
      using network = createNetwork(2);
      const [shop, bank] = network.machines;
      if (!shop || !bank) throw new Error('there are two machines');
      const [shopAddress, bankAddress] = [shop, bank].map(({ host }) => `${host}:50051`);
      await expectPartingOutlived({
        shop: { listen: shopAddress ?? '', command: shop.command },
        bank: { listen: bankAddress ?? '', command: bank.command },
        bankAddress: bankAddress ?? '',
        part: bank.part,
        join: bank.join,
      });
    });
  });

  describe('in the direction of the replies', () => {
    it('complete all orders once it is back, and charge each once', { timeout: 120_000 }, async () => {
      const port = await freePort();
      await using link = await startFaultProxy(port);
      await expectPartingOutlived({
        shop: { listen: '127.0.0.1:0', command: [] },
        bank: { listen: `127.0.0.1:${port}`, command: [] },
        bankAddress: `127.0.0.1:${link.port}`,
        part: () => link.blackHole('replies'),
        join: () => link.heal(),
      });
    });
  });
});
