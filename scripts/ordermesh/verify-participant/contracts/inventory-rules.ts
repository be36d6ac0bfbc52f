import { isDeepStrictEqual } from 'node:util';
import { InventoryServiceDefinition as service } from '#gen/inventory/v1/inventory.ts';
import { isOk, settle } from '../caller.ts';
import {
  describeAnswer,
  expectEffect,
  expectOk,
  expectOkOr,
  expectRefusal,
  expectSame,
  newRequestId,
  type Rule,
  RuleBroken,
} from '../rule.ts';
import { concurrently } from '../rules/concurrency.ts';
import type { InventoryTest, Stock } from './inventory.ts';

const committed = 'RESERVATION_STATE_COMMITTED';

/** The rules of the inventory alone: prices, CommitStock, and the last units of an item. */
export function inventoryRules(test: InventoryTest): Rule[] {
  const { caller, data, refusals, newItem, newOrder, commit, stockOf } = test;

  async function expectStock(sku: string, expected: Stock, why: string): Promise<void> {
    const actual = await stockOf(sku);
    if (isDeepStrictEqual(actual, expected)) return;
    throw new RuleBroken(`item ${sku} to have ${textOf(expected)} (${why})`, textOf(actual));
  }

  async function reserved(): Promise<{ sku: string; order: ReturnType<typeof newOrder> }> {
    const sku = await newItem(10n);
    const order = newOrder([{ sku, quantity: 3n }]);
    expectOk(await settle(() => order.run(newRequestId())), 'the order is new');
    return { sku, order };
  }

  return [
    {
      name: 'item-prices',
      promise: 'BatchGetItems returns the items with their prices, and the skus that do not exist',
      async check() {
        const [sku, missing] = [await newItem(10n), data.newId()];
        const { batchGetItems } = service.methods;
        const answer = await settle(() => caller.call(service, batchGetItems, { skus: [missing, sku] }));
        expectOk(answer, 'one item exists, one does not', { missingSkus: [missing] });
        const [item] = answer.response.items as readonly { readonly sku: string; readonly unitPrice: unknown }[];
        const expected = { sku, unitPrice: { currencyCode: 'USD', minorUnits: '1999' } };
        if (item?.sku === sku && isDeepStrictEqual(item.unitPrice, expected.unitPrice)) return;
        throw new RuleBroken(`${batchGetItems.name} to return ${JSON.stringify(expected)}`, answer);
      },
    },
    {
      name: 'reservations-listed',
      promise:
        'ListReservations has every reservation with its state, in byte order of their order ids, after after_order_id',
      async check() {
        const { order } = await reserved();
        const released = newOrder([{ sku: await newItem(1n), quantity: 1n }]);
        await settle(() => released.undo(newRequestId()));
        // In the order of most languages, a is before B.
        for (const end of ['a', 'B'])
          await settle(() => newOrder([], { orderId: `${released.id}-${end}` }).undo(newRequestId()));
        const { listReservations } = service.methods;
        const request = { afterOrderId: data.prefix };
        const answer = expectOk(await caller.list(service, listReservations, request), 'there are reservations');
        const items = answer.response.items as readonly { readonly orderId: string; readonly state: string }[];
        const own = items.filter(({ orderId }) => orderId.startsWith(data.prefix));
        const states = [order, released].map(({ id }) => own.find(({ orderId }) => orderId === id)?.state);
        const ids = items.map(({ orderId }) => orderId);
        const isSorted = isDeepStrictEqual(
          ids,
          ids.toSorted((left, right) => (left < right ? -1 : 1)),
        );
        const expected = ['RESERVATION_STATE_RESERVED', 'RESERVATION_STATE_RELEASED'];
        if (isSorted && isDeepStrictEqual(states, expected)) return;
        const place = isSorted ? 'in order' : `not in byte order: ${ids.join(' ')}`;
        throw new RuleBroken(
          `${listReservations.name} to list ${order.id} and ${released.id} as ${expected.join(', ')}, in byte order of the ids`,
          `${states.map((state) => state ?? 'missing').join(', ')}; ${place}`,
        );
      },
    },
    {
      name: 'reservations-by-owner',
      promise: 'ListReservations with an owner has exactly the reservations that were made for that owner',
      async check() {
        const { sku } = await reserved();
        const owner = data.prefix;
        const owned = newOrder([{ sku, quantity: 1n }], { owner });
        expectOk(await settle(() => owned.run(newRequestId())), 'the order is new');
        const { listReservations } = service.methods;
        const answer = expectOk(await caller.list(service, listReservations, { owner }), 'there is one of this owner');
        const items = answer.response.items as readonly { readonly orderId: string; readonly owner?: string }[];
        const found = items.map((item) => `${item.orderId} of "${item.owner ?? ''}"`);
        const expected = `${owned.id} of "${owner}"`;
        if (isDeepStrictEqual(found, [expected])) return;
        throw new RuleBroken(`${listReservations.name} to list only ${expected}`, found.join(', ') || 'nothing');
      },
    },
    {
      name: 'commit-once',
      promise: 'CommitStock takes the reserved stock out, once, however often it is called',
      async check() {
        const { sku, order } = await reserved();
        const requestId = newRequestId();
        const first = await settle(() => commit(order, requestId));
        expectOk(first, 'the stock is reserved', { orderId: order.id, state: committed });
        await expectStock(sku, { onHand: 7n, reserved: 0n }, 'committed 3 of 10');
        expectSame(await settle(() => commit(order, requestId)), first, 'the same request_id');
        expectOk(await settle(() => commit(order, newRequestId())), 'committed before', { state: committed });
        await concurrently(4, () => settle(() => commit(order, newRequestId())));
        await expectStock(sku, { onHand: 7n, reserved: 0n }, 'committed 3 of 10, seven times');
      },
    },
    {
      name: 'commit-is-final',
      promise: 'once the stock is committed, ReleaseStock is refused and puts nothing back',
      async check() {
        const { sku, order } = await reserved();
        expectOk(await settle(() => commit(order, newRequestId())), 'the stock is reserved');
        expectRefusal(await settle(() => order.undo(newRequestId())), refusals.committed, 'the stock is committed');
        await expectStock(sku, { onHand: 7n, reserved: 0n }, 'the release was refused');
      },
    },
    {
      name: 'commit-needs-reservation',
      promise: 'CommitStock is refused for an order that has no reservation or whose reservation was released',
      async check() {
        const unknown = newOrder([{ sku: await newItem(10n), quantity: 3n }]);
        expectRefusal(await settle(() => commit(unknown, newRequestId())), refusals.unknown, 'nothing is reserved');
        const { sku, order } = await reserved();
        expectOk(await settle(() => order.undo(newRequestId())), 'the stock is reserved');
        expectRefusal(await settle(() => commit(order, newRequestId())), refusals.undone, 'the stock was released');
        await expectStock(sku, { onHand: 10n, reserved: 0n }, 'the commit was refused');
      },
    },
    {
      name: 'commit-or-release',
      promise: 'of a CommitStock and a ReleaseStock that overlap, one is refused and one takes effect',
      async check() {
        await concurrently(8, async (index) => {
          const { sku, order } = await reserved();
          const calls = [() => commit(order, newRequestId()), () => order.undo(newRequestId())];
          const ordered = index % 2 === 0 ? calls : calls.toReversed();
          const answers = await Promise.all(ordered.map((call) => settle(call)));
          const [commits, release] = index % 2 === 0 ? answers : answers.toReversed();
          if (!commits || !release) return;
          expectOkOr(commits, refusals.undone, 'it overlaps with a release');
          expectOkOr(release, refusals.committed, 'it overlaps with a commit');
          if (isOk(commits) === isOk(release))
            throw new RuleBroken(
              `one of them to answer OK for order ${order.id}`,
              `${describeAnswer(commits)} and ${describeAnswer(release)}`,
            );
          const onHand = isOk(commits) ? 7n : 10n;
          await expectStock(sku, { onHand, reserved: 0n }, isOk(commits) ? 'the commit won' : 'the release won');
        });
      },
    },
    {
      name: 'no-oversell',
      promise: 'concurrent orders for the last units get exactly these, and the others are refused as short',
      async check() {
        const [first, second] = [await newItem(5n), await newItem(100n)];
        const lines = [
          { sku: first, quantity: 1n },
          { sku: second, quantity: 1n },
        ];
        const answers = await concurrently(16, (index) => {
          // In both orders, so two transactions that lock one item each would wait for each other.
          const order = newOrder(index % 2 === 0 ? lines : lines.toReversed());
          const requestId = newRequestId();
          return settle(() => order.run(requestId));
        });
        for (const answer of answers) expectOkOr(answer, refusals.insufficientStock, '16 orders for 5 units');
        const won = answers.filter(isOk).length;
        if (won !== 5) throw new RuleBroken('5 of 16 orders to get one of 5 units each', `${won} got one`);
        await expectStock(first, { onHand: 5n, reserved: 5n }, '5 orders got one unit each');
        await expectStock(second, { onHand: 100n, reserved: 5n }, '11 orders were refused, and reserve nothing');
      },
    },
    {
      name: 'shortage-explained',
      promise: 'INSUFFICIENT_STOCK has requested/available of each short sku in its metadata',
      async check() {
        const [enough, short] = [await newItem(10n), await newItem(2n)];
        const order = newOrder([
          { sku: enough, quantity: 3n },
          { sku: short, quantity: 5n },
        ]);
        const refusal = { ...refusals.insufficientStock, metadata: { [short]: '5/2' } };
        expectRefusal(await settle(() => order.run(newRequestId())), refusal, 'one of two items is short');
        await expectEffect(order, 0, 'the order was refused');
      },
    },
  ];
}

function textOf({ onHand, reserved }: Stock): string {
  return `${onHand} on hand, ${reserved} reserved`;
}
