import createClient from 'openapi-fetch';
import type { components, paths } from './api.ts';

/** Prints, as JSON, what a user, an order and a problem look like to a generated client. `node call.ts http://host:port` */
declare const process: { readonly argv: readonly string[] };

const client = createClient<paths>({ baseUrl: process.argv[2] ?? '' });
const usd = (minorUnits: string) => ({ currencyCode: 'USD', minorUnits });
const newKey = () => ({ header: { 'Idempotency-Key': crypto.randomUUID() } });

/** Returns what a call answered. Throws its problem. */
function answered<Data>({ data, error }: { data?: Data; error?: unknown }): Data {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

const user: components['schemas']['user.v1.User'] = answered(
  await client.POST('/api/users', { body: { id: 'tess', name: 'Tess', email: 'tess@example.com' } }),
);
const read = answered(await client.GET('/api/users/{id}', { params: { path: { id: user.id } } }));

const item = { sku: 'teapot', name: 'Teapot', unitPrice: usd('1250'), onHand: '10' };
answered(await client.POST('/api/items', { body: item }));
answered(await client.POST('/api/accounts', { body: { accountId: user.id, currencyCode: 'USD' } }));
const path = { account_id: user.id };
answered(
  await client.POST('/api/accounts/{account_id}:deposit', {
    params: { path, ...newKey() },
    body: { amount: usd('10000') },
  }),
);

const address = { recipient: 'Tess', lines: ['Unter den Linden 1'], city: 'Berlin', countryCode: 'DE' };
const wanted = { userId: user.id, items: [{ sku: item.sku, quantity: 2 }], shippingAddress: address };
const order = answered(await client.POST('/api/orders', { params: newKey(), body: wanted }));
const state: components['schemas']['order.v1.OrderState'] = order.state;

const listed = answered(await client.GET('/api/users', { params: { query: { role: '' } } }));

// A stream that is not asked for as lines or events is one JSON array.
const users = typeof listed === 'string' ? [] : listed.map(({ id }) => id);
const { response, error } = await client.GET('/api/orders/{id}', { params: { path: { id: 'nothing' } } });

console.log(
  JSON.stringify({
    user,
    isSame: JSON.stringify(read) === JSON.stringify(user),
    order: { state, total: order.total, items: order.items.length },
    users,
    problem: { status: response.status, reason: error?.reason, violations: error?.violations },
  }),
);

/** What must not compile: never called. */
export async function mistakes(): Promise<void> {
  // @ts-expect-error There is no such path.
  await client.GET('/api/persons/{id}', { params: { path: { id: 'tess' } } });
  // @ts-expect-error The path has an id.
  await client.GET('/api/users/{id}', { params: {} });
  // @ts-expect-error An order has items.
  await client.POST('/api/orders', { params: newKey(), body: { userId: 'tess', shippingAddress: address } });
  // @ts-expect-error Whatever moves money needs an Idempotency-Key.
  await client.POST('/api/orders', { body: wanted });
  // @ts-expect-error 64-bit integers are text.
  await client.POST('/api/items', { body: { ...item, onHand: 10 } });
  // @ts-expect-error An order has no such state.
  const broken: components['schemas']['order.v1.OrderState'] = 'LOST';
  void broken;
}
