import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { resumeListing } from 'ordermesh-clients/calls';
import { Address, Money } from 'ordermesh-clients/common/v1/common';
import { SubscribeRequest } from 'ordermesh-clients/events/v1/events';
import { CreateItemRequest } from 'ordermesh-clients/inventory/v1/inventory';
import { type Order, OrderState, PlaceOrderRequest, WatchOrderRequest } from 'ordermesh-clients/order/v1/order';
import { CreateUserRequest, ImportUsersRequest, type ImportUsersResponse } from 'ordermesh-clients/user/v1/user';
import { check, type Run, withDeadline } from './connect.ts';

const importedUsers = 1_000;

export async function createUser({ id, mesh: { users } }: Run): Promise<void> {
  const createUser = promisify(users.createUser.bind(users));
  // With the same request id, the second call returns the response of the first.
  const request = CreateUserRequest.fromPartial({
    requestId: randomUUID(),
    user: { id, name: 'Ada', email: `${id}@example.com` },
  });
  const [first, second] = [await createUser(request), await createUser(request)];
  const isSame = first.id === id && first.etag !== '' && first.etag === second.etag;
  check(isSame, () => `created ${JSON.stringify(first)}, then ${JSON.stringify(second)}`);
}

export async function importUsers({ id: role, mesh: { users } }: Run): Promise<void> {
  const { promise: response, resolve, reject } = Promise.withResolvers<ImportUsersResponse>();
  const stream = users.importUsers(withDeadline(), (error, response) => (error ? reject(error) : resolve(response)));
  for (let index = 0; index < importedUsers; index++) {
    const id = importedId(role, index);
    const user = { id, name: 'Imported', email: `${id}@example.com`, role };
    const isFull = !stream.write(ImportUsersRequest.fromPartial({ user }));
    // The server reads more slowly, or it has ended the call.
    if (isFull) await Promise.race([once(stream, 'drain'), response]);
  }
  stream.end();
  const { imported, failures } = await response;
  check(imported === BigInt(importedUsers) && failures.length === 0, () => `imported ${imported} users`);
}

export async function listUsers({ id: role, cut: { users } }: Run): Promise<void> {
  const cursors = new Set<string>();
  const listing = resumeListing(
    (afterId) => {
      cursors.add(afterId);
      return users.listUsers({ afterId, limit: 0, role }, withDeadline());
    },
    ({ id }) => id,
  );
  const ids: string[] = [];
  for await (const { id } of listing) ids.push(id);
  const isComplete = ids.length === importedUsers && ids.every((id, index) => id === importedId(role, index));
  check(isComplete, () => `listed ${ids.length} users`);
  checkCut(cursors);
}

export async function placeAndWatch({ id, mesh: { inventory, accounts, orders } }: Run): Promise<void> {
  const item = { sku: id, name: 'Lamp', unitPrice: euros(500n), onHand: 10n };
  await promisify(inventory.createItem.bind(inventory))(
    CreateItemRequest.fromPartial({ requestId: randomUUID(), item }),
  );
  await promisify(accounts.openAccount.bind(accounts))({ requestId: randomUUID(), accountId: id, currencyCode: 'EUR' });
  const deposit = { requestId: randomUUID(), accountId: id, amount: euros(10_000n), reference: '' };
  await promisify(accounts.deposit.bind(accounts))(deposit);
  const shippingAddress = Address.fromPartial({
    recipient: 'Ada',
    lines: ['Main Street 1'],
    city: 'Town',
    postalCode: '12345',
    countryCode: 'DE',
  });
  const order = { requestId: randomUUID(), userId: id, items: [{ sku: id, quantity: 2 }], shippingAddress };
  const placed = await promisify(orders.placeOrder.bind(orders))(PlaceOrderRequest.fromPartial(order));
  let last: Order = placed;
  // The stream ends after the final state.
  for await (const order of orders.watchOrder(WatchOrderRequest.fromPartial({ id: placed.id }), withDeadline()))
    last = order;
  const isRight = last.state === OrderState.ORDER_STATE_COMPLETED && last.total?.minorUnits === 1_000n;
  check(isRight, () => `the order ended in state ${last.state}`);
}

/** Follows the events of the imported users. Each opened stream starts after the last event of each partition. */
export async function subscribe({ id, cut: { events } }: Run): Promise<void> {
  const byPartition: Record<number, bigint> = {};
  const seen = new Set<string>();
  const cursors = new Set<string>();
  const followed = resumeListing(
    (after) => {
      cursors.add(after);
      const from = { $case: 'offsets', value: { byPartition } } as const;
      const request = SubscribeRequest.fromPartial({ topic: 'user.events', types: ['USER_CREATED'], from });
      return events.subscribe(request, withDeadline());
    },
    (event) => event.id,
  );
  for await (const { partition, offset, key } of followed) {
    check(offset >= (byPartition[partition] ?? 0n), () => `event ${offset} of partition ${partition} came twice`);
    byPartition[partition] = offset + 1n;
    if (key.startsWith(`${id}-`)) seen.add(key);
    if (seen.size === importedUsers) break;
  }
  checkCut(cursors);
}

/** Throws if every stream began at the same place: the first one was not cut, or received nothing before. */
function checkCut(cursors: ReadonlySet<string>): void {
  check(cursors.size > 1, () => 'the stream was not cut');
}

function importedId(role: string, index: number): string {
  return `${role}-${String(index).padStart(4, '0')}`;
}

function euros(minorUnits: bigint): Money {
  return Money.create({ currencyCode: 'EUR', minorUnits });
}
