import { AdjustStockRequest, CreateItemRequest, Item } from '#gen/inventory/v1/inventory.ts';
import { CancelOrderRequest, Order, PlaceOrderRequest } from '#gen/order/v1/order.ts';
import { Account, DepositRequest, OpenAccountRequest, WithdrawRequest } from '#gen/payment/v1/payment.ts';
import { CreateUserRequest, UpdateUserRequest, User } from '#gen/user/v1/user.ts';
import type { Shop } from '../support/shop.ts';
import type { Json } from './read-mesh.ts';

/** A call with a `request_id` and its response. */
export interface AnsweredCall {
  readonly method: keyof ReturnType<typeof callsOf>;
  readonly request: Json;
  readonly answer: Json;
}

/** Idempotent calls, from JSON to JSON. */
export function callsOf(shop: Shop) {
  return {
    createUser: fromJson(shop.users.createUser, CreateUserRequest, User),
    updateUser: fromJson(shop.users.updateUser, UpdateUserRequest, User),
    createItem: fromJson(shop.inventory.createItem, CreateItemRequest, Item),
    adjustStock: fromJson(shop.inventory.adjustStock, AdjustStockRequest, Item),
    openAccount: fromJson(shop.accounts.openAccount, OpenAccountRequest, Account),
    deposit: fromJson(shop.accounts.deposit, DepositRequest, Account),
    withdraw: fromJson(shop.accounts.withdraw, WithdrawRequest, Account),
    placeOrder: fromJson(shop.orders.placeOrder, PlaceOrderRequest, Order),
    cancelOrder: fromJson(shop.orders.cancelOrder, CancelOrderRequest, Order),
  };
}

function fromJson<Request, Answer>(
  call: (request: Request) => Promise<Answer>,
  requestType: { fromJSON(json: unknown): Request },
  answerType: { toJSON(message: Answer): unknown },
): (request: Json) => Promise<Json> {
  return async (request) => answerType.toJSON(await call(requestType.fromJSON(request))) as Json;
}
