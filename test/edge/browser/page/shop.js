import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';

// Calls the mesh at another origin by REST, Connect and gRPC-Web, and follows an order by server-sent events.

const baseUrl = new URLSearchParams(location.search).get('mesh');

function show(id, text) {
  document.getElementById(id).textContent = text;
}

const answer = await fetch(`${baseUrl}/api/users/ada`);
show('rest', (await answer.json()).email);
const changed = await fetch(`${baseUrl}/api/users/ada`, {
  method: 'PATCH',
  headers: {
    'content-type': 'application/json',
    'if-match': answer.headers.get('etag'),
    'idempotency-key': crypto.randomUUID(),
    'request-timeout': '5',
  },
  body: JSON.stringify({ name: 'Ada Lovelace' }),
});
show('changed', `${changed.status} ${(await changed.json()).name} ${changed.headers.get('etag')}`);

const descriptors = await (await fetch('/descriptors.binpb')).arrayBuffer();
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, new Uint8Array(descriptors)));
const userService = registry.getService('user.v1.UserService');
const connect = createConnectTransport({ baseUrl });
const users = createClient(userService, connect);
const orders = createClient(registry.getService('order.v1.OrderService'), connect);

show('connect', (await users.getUser({ id: 'ada' })).email);
show('grpc-web', (await createClient(userService, createGrpcWebTransport({ baseUrl })).getUser({ id: 'ada' })).email);
const ids = [];
for await (const { id } of users.listUsers({})) ids.push(id);
show('users', ids.join(' '));
await users.getUser({ id: 'nobody' }).catch((error) => show('refused', `${error.code} ${error.rawMessage}`));

document.getElementById('order').addEventListener('click', async () => {
  const { id, state } = await orders.placeOrder({
    requestId: crypto.randomUUID(),
    userId: 'ada',
    items: [{ sku: 'book', quantity: 1 }],
    shippingAddress: {
      recipient: 'Ada',
      lines: ['Main Street 1'],
      city: 'Town',
      postalCode: '12345',
      countryCode: 'DE',
    },
  });
  show('placed', `${id} ${state}`);
  follow(id);
});

/** Shows each state of an order. */
function follow(id) {
  const events = new EventSource(`${baseUrl}/api/orders/${id}:watch`);
  events.addEventListener('message', ({ data }) => {
    const { state } = JSON.parse(data);
    const item = document.createElement('li');
    item.textContent = state;
    document.getElementById('states').append(item);
    // A stream that has ended would be opened again.
    if (state === 'ORDER_STATE_COMPLETED') events.close();
  });
}
