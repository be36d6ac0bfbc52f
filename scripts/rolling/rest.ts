import type { RestApi } from '#gen/rest.ts';
import { changeReasonKey } from '#mesh';
import type { Access } from '../../examples/support/access.ts';
import { changeReason } from '../../examples/support/change-reason.ts';
import { createServiceClient } from '../../mesh/rest-client/create-service-client.ts';
import type { TypedRestClient } from '../../mesh/rest-client/typed-client.ts';
import { type Caller, startReads } from './callers.ts';
import { type NewOrder, type OrderCaller, startOrders } from './orders.ts';

type Rest = TypedRestClient<RestApi>;

/** Creates a client of the gateway's REST API. */
export function connectRest(httpAddress: string, { tls, token }: Access): Rest {
  return createServiceClient<RestApi>(`${tls ? 'https' : 'http'}://${httpAddress}/api`, {
    ...(tls && { ca: tls.ca }),
    ...(token && { headers: { authorization: `Bearer ${token}`, [changeReasonKey]: changeReason() } }),
  });
}

/** The same reads as of the other clients, over REST. This side repeats none. Waits for its first call. */
export async function startRestReads(rest: Rest): Promise<Caller> {
  const once = { maxAttempts: 1 };
  const page = { ...once, params: { limit: 10 } };
  await rest.get('/topics', once);
  return startReads('REST', [
    () => rest.get('/users/load-1', once),
    () => rest.get('/users', page),
    () => rest.get('/items/load-1', once),
    () => rest.get('/accounts/load-1', once),
    () => rest.get('/orders', page),
    () => rest.get('/notifications', page),
    () => rest.get('/users/load-1/orders', page),
    () => rest.get('/topics', once),
    () => rest.get('/ops/health', once),
  ]);
}

/** Places orders over REST. The client repeats a call that fails, with the same Idempotency-Key. */
export function startRestOrders(rest: Rest, perSecond: number): OrderCaller {
  const place = async ({ requestId, userId, items, shippingAddress }: NewOrder) => {
    const order = { userId, items: items.map(({ sku, quantity }) => ({ sku, quantity })), shippingAddress };
    const { data } = await rest.post('/orders', order, { idempotencyKey: requestId });
    return data;
  };
  return startOrders('REST orders', place, perSecond);
}
