import { describe, expect, expectTypeOf, it } from 'vitest';
import type { Json, RestApi } from '../../gen/ts/rest.ts';
import { createServiceClient } from './create-service-client.ts';
import type { RestResponse } from './rest-client.ts';
import { json, startTestServer } from './testing/http-server.ts';
import type { TypedRestClient } from './typed-client.ts';

type Order = Json['order.v1.Order'];
type User = Json['user.v1.User'];

describe('a client with the types of its API', () => {
  it('is an ordinary client', async () => {
    await using server = await startTestServer();
    server.answer(json(200, { id: 'order-1', state: 'ORDER_STATE_PENDING' }));
    using client = createServiceClient<RestApi>(`${server.origin}/api`);
    const { data } = await client.get(`/orders/${'order-1'}`);
    expectTypeOf(data).toEqualTypeOf<Order>();
    expect(data.state).toBe('ORDER_STATE_PENDING');
    const idempotencyKey = 'key-1';
    const amount = { currencyCode: 'EUR', minorUnits: 9007199254740993n };
    await client.post('/accounts/acc-1:deposit', { amount }, { idempotencyKey });
    expect(server.requests.at(-1)).toMatchObject({
      url: '/api/accounts/acc-1:deposit',
      body: '{"amount":{"currencyCode":"EUR","minorUnits":"9007199254740993"}}',
      headers: { 'idempotency-key': idempotencyKey },
    });
  });

  // The compiler checks what follows; it is not run.
  it('knows what each path returns', () => {
    void (async (client: TypedRestClient<RestApi>, id: string) => {
      expectTypeOf(client.get(`/orders/${id}`)).resolves.toEqualTypeOf<RestResponse<Order>>();
      expectTypeOf(client.get('/orders/order-1')).resolves.toEqualTypeOf<RestResponse<Order>>();
      expectTypeOf(client.get(`/orders/${encodeURIComponent(id)}:watch`)).resolves.toEqualTypeOf<
        RestResponse<readonly Order[]>
      >();
      expectTypeOf(client.get('/orders')).resolves.toEqualTypeOf<RestResponse<readonly Order[]>>();
      expectTypeOf(client.get(`/accounts/${id}/statements/${'2026-09'}`)).resolves.toEqualTypeOf<
        RestResponse<Json['payment.v1.Statement']>
      >();
      expectTypeOf(client.get(`/users/${id}/orders`, { params: { limit: 10 } })).resolves.toEqualTypeOf<
        RestResponse<readonly Json['report.v1.OrderSummary'][]>
      >();
      expectTypeOf(client.post(`/orders/${id}:cancel`)).resolves.toEqualTypeOf<RestResponse<Order>>();
      expectTypeOf(client.patch(`/users/${id}`, { name: 'Eve' })).resolves.toEqualTypeOf<RestResponse<User>>();
      expectTypeOf(client.head(`/users/${id}`)).resolves.toEqualTypeOf<RestResponse<undefined>>();
      expectTypeOf((await client.get(`/orders/${id}`)).data.createTime).toEqualTypeOf<string | undefined>();
      expectTypeOf((await client.get(`/accounts/${id}`)).data.version).toEqualTypeOf<string>();
    });
  });

  it('does not know the data if other statuses are expected than those of a success', () => {
    void ((client: TypedRestClient<RestApi>, id: string, amount: Json['common.v1.Money-Input']) => {
      const anyStatus = { expectedStatuses: [304, 404] };
      expectTypeOf(client.get(`/orders/${id}`, anyStatus)).resolves.toEqualTypeOf<RestResponse<unknown>>();
      expectTypeOf(client.delete(`/users/${id}`, anyStatus)).resolves.toEqualTypeOf<RestResponse<unknown>>();
      const options = { ...anyStatus, idempotencyKey: 'key-1' };
      const deposit = client.post(`/accounts/${id}:deposit`, { amount }, options);
      expectTypeOf(deposit).resolves.toEqualTypeOf<RestResponse<unknown>>();
      expectTypeOf(client.get<Order | undefined>(`/orders/${id}`, anyStatus)).resolves.toEqualTypeOf<
        RestResponse<Order | undefined>
      >();
      // @ts-expect-error There is no such path.
      void client.get(`/ordrs/${id}`, anyStatus);
      // @ts-expect-error A change of money needs an Idempotency-Key.
      void client.post(`/accounts/${id}:deposit`, { amount }, anyStatus);
    });
  });

  it('takes the type that its caller gives, as in the reference', () => {
    void ((client: TypedRestClient<RestApi>, orderId: string) => {
      interface Own {
        readonly id: string;
      }
      expectTypeOf(client.get<Own>(`/orders/${orderId}`)).resolves.toEqualTypeOf<RestResponse<Own>>();
      expectTypeOf(client.get<unknown>('/anything')).resolves.toEqualTypeOf<RestResponse<unknown>>();
      expectTypeOf(client.post<Own>('/anything', { a: 1 })).resolves.toEqualTypeOf<RestResponse<Own>>();
    });
  });

  it('does not compile with a wrong path, method, parameter, body or response', () => {
    void (async (client: TypedRestClient<RestApi>, id: string) => {
      // @ts-expect-error There is no such path.
      await client.get('/ordrs/order-1');
      // @ts-expect-error An order has no such part.
      await client.get(`/orders/${id}/lines`);
      // @ts-expect-error An order has no such part, for HEAD either.
      await client.head(`/orders/${id}/lines`);
      // @ts-expect-error It is `:watch`.
      await client.get(`/orders/${id}:wacth`);
      // @ts-expect-error The base URL has `/api`.
      await client.get(`/api/orders/${id}`);
      // @ts-expect-error A path begins with /.
      await client.get(`orders/${id}`);
      // @ts-expect-error A path is not just any text.
      await client.get(id);
      // @ts-expect-error Orders are not deleted.
      await client.delete(`/orders/${id}`);
      // @ts-expect-error It has the parameter `limit`.
      await client.get('/orders', { params: { limits: 10 } });
      // @ts-expect-error A limit is a number.
      await client.get('/orders', { params: { limit: 'ten' } });
      // @ts-expect-error Ids are required.
      await client.get('/users:batchGet');
      // @ts-expect-error A user has a name.
      await client.patch(`/users/${id}`, { nmae: 'Eve' });
      // @ts-expect-error A name is a text.
      await client.patch(`/users/${id}`, { name: 7 });
      // @ts-expect-error An amount is required.
      await client.post(`/accounts/${id}:deposit`, {}, { idempotencyKey: 'key-1' });
      // @ts-expect-error A change of money needs an Idempotency-Key.
      await client.post(`/accounts/${id}:deposit`, { amount: { currencyCode: 'EUR', minorUnits: '1' } });
      // @ts-expect-error An order is not a user.
      const user: User = (await client.get(`/orders/${id}`)).data;
      return user;
    });
  });
});
