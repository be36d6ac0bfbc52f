import { randomUUID } from 'node:crypto';
import type { RestApi } from '#gen/rest.ts';
import { changeReasonKey, createServiceClient, MeshError, RestError } from '#mesh';
import { readAccess } from './support/access.ts';
import { changeReason } from './support/change-reason.ts';
import { exitCode } from './support/failures.ts';

// Places an order and reads it over REST, with the mesh at API_URL. Usage: `node examples/rest-client.ts`.
// TLS and a token, if the mesh asks for them: see docs/security.md.
const { API_URL = '' } = process.env;
const url = URL.parse(API_URL);
const { tls, token } = readAccess(
  process.env,
  url?.host ?? 'localhost:8080',
  url ? url.protocol === 'https:' : undefined,
);
const baseUrl = API_URL || `${tls ? 'https' : 'http'}://localhost:8080/api`;
const headers = { authorization: `Bearer ${token}`, [changeReasonKey]: changeReason() };
const options = { ...(tls && { ca: tls.ca }), ...(token && { headers }) };

/** What this program reads of an order. */
interface Order {
  readonly id: string;
  readonly state: string;
}

try {
  // With the types of the contracts: a wrong path, parameter, body or response does not compile.
  using mesh = createServiceClient<RestApi>(baseUrl, options);
  // Without them, as with any REST API: the caller names the type of the response, and nothing is checked.
  using orderService = createServiceClient(baseUrl, options);

  const orderId = await placeOrder();
  const { data: order } = await orderService.get<Order>(`/orders/${orderId}`);
  console.log(`order ${order.id} is placed: ${order.state}`);

  // Ends when the order does.
  const { data: states } = await mesh.get(`/orders/${orderId}:watch`);
  console.log(`it ended: ${states.at(-1)?.state}, with shipment ${states.at(-1)?.shipmentId}`);

  await mesh.get('/orders/unknown').catch(({ status, reason, message }: RestError) => {
    console.log(`${status} ${reason}: ${message}`);
  });

  async function placeOrder(): Promise<string> {
    const [userId, sku] = [`reader-${randomUUID()}`, `lamp-${randomUUID()}`];
    await mesh.post('/users', { id: userId, name: 'Ada Lovelace', email: `${userId}@example.com` });
    await mesh.post('/items', { sku, name: 'Desk lamp', unitPrice: euros(1_999n), onHand: 10n });
    await mesh.post('/accounts', { accountId: userId, currencyCode: 'EUR' });
    // A call with a key takes effect once, no matter how often it is sent. Calls that move money need one.
    await mesh.post(`/accounts/${userId}:deposit`, { amount: euros(10_000n) }, { idempotencyKey: randomUUID() });
    const shippingAddress = {
      recipient: 'Ada Lovelace',
      lines: ["12 St James's Square"],
      city: 'London',
      countryCode: 'GB',
    };
    const placed = { userId, items: [{ sku, quantity: 2 }], shippingAddress };
    const { data } = await mesh.post('/orders', placed, { idempotencyKey: randomUUID() });
    return data.id;
  }
} catch (error) {
  if (!(error instanceof MeshError)) throw error;
  console.error(error.message);
  process.exitCode = exitCodeOf(error);
}

function euros(minorUnits: bigint) {
  return { currencyCode: 'EUR', minorUnits };
}

function exitCodeOf(error: MeshError): number {
  if (!(error instanceof RestError)) return exitCode.usage;
  const isAway = error.status === undefined || [503, 504].includes(error.status);
  return isAway ? exitCode.unavailable : exitCode.refused;
}
