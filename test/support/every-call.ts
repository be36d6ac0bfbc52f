import { type Channel, ClientError, createClientFactory, Metadata } from 'nice-grpc';
import { EventServiceDefinition } from '#gen/events/v1/events.ts';
import { InventoryServiceDefinition } from '#gen/inventory/v1/inventory.ts';
import { NotificationServiceDefinition } from '#gen/notification/v1/notification.ts';
import { DeadLetterServiceDefinition, SagaServiceDefinition } from '#gen/ops/v1/ops.ts';
import { ProjectionServiceDefinition } from '#gen/ops/v1/projection.ts';
import { OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { LedgerServiceDefinition } from '#gen/payment/v1/ledger.ts';
import { AccountServiceDefinition, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { OrderReportServiceDefinition } from '#gen/report/v1/report.ts';
import { ShippingServiceDefinition } from '#gen/shipping/v1/shipping.ts';
import { UserServiceDefinition } from '#gen/user/v1/user.ts';
import { uuidv7 } from '../../mesh/ids/ids.ts';
import { bookOrder, euros } from './shop.ts';

/** The end of a call: everything that its caller can read of it. */
export interface CallEnd {
  readonly name: string;
  readonly requestId: string;
  /** Undefined if it succeeded. */
  readonly code: number | undefined;
  /** The response, or text, details and metadata of the error, as text. */
  readonly seen: string;
}

const callTimeoutMs = 3_000;

/** Makes a call of every service that reads, and one that writes where there is one, each without retries. */
export async function callEverything(channel: Channel): Promise<CallEnd[]> {
  const ends: CallEnd[] = [];
  for (const [name, call] of Object.entries(callsOf(channel))) ends.push(await endOf(name, call));
  return ends;
}

type Options = { readonly metadata: Metadata; readonly signal: AbortSignal; onTrailer(trailer: Metadata): void };
type Call = (options: Options) => Promise<unknown> | AsyncIterable<unknown>;

async function endOf(name: string, call: Call): Promise<CallEnd> {
  const requestId = uuidv7();
  const seen: string[] = [];
  const options: Options = {
    metadata: Metadata({ 'x-request-id': requestId }),
    signal: AbortSignal.timeout(callTimeoutMs),
    onTrailer: (trailer) => seen.push(...[...trailer].flatMap(([key, values]) => [key, ...values.map(textOf)])),
  };
  try {
    const answer = call(options);
    if (Symbol.asyncIterator in answer) for await (const one of answer) seen.push(asText(one));
    else seen.push(asText(await answer));
    return { name, requestId, code: undefined, seen: seen.join('\n') };
  } catch (error) {
    if (!(error instanceof ClientError)) return { name, requestId, code: undefined, seen: seen.join('\n') };
    return { name, requestId, code: error.code, seen: [error.details, ...seen].join('\n') };
  }
}

function textOf(value: string | Uint8Array): string {
  return typeof value === 'string' ? value : Buffer.from(value).toString('latin1');
}

function asText(message: unknown): string {
  return JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}` : value));
}

function callsOf(channel: Channel): Record<string, Call> {
  const factory = createClientFactory();
  const users = factory.create(UserServiceDefinition, channel);
  const inventory = factory.create(InventoryServiceDefinition, channel);
  const accounts = factory.create(AccountServiceDefinition, channel);
  const payments = factory.create(PaymentServiceDefinition, channel);
  const ledger = factory.create(LedgerServiceDefinition, channel);
  const shipping = factory.create(ShippingServiceDefinition, channel);
  const orders = factory.create(OrderServiceDefinition, channel);
  const notifications = factory.create(NotificationServiceDefinition, channel);
  const reports = factory.create(OrderReportServiceDefinition, channel);
  const events = factory.create(EventServiceDefinition, channel);
  const sagas = factory.create(SagaServiceDefinition, channel);
  const deadLetters = factory.create(DeadLetterServiceDefinition, channel);
  const projections = factory.create(ProjectionServiceDefinition, channel);
  const orderId = `order-${uuidv7()}`;
  const requestId = uuidv7();
  const { shippingAddress: address, ...order } = bookOrder();
  async function* imported() {
    yield { user: { id: uuidv7(), name: 'Eve', email: `${uuidv7()}@example.com` } };
  }
  return {
    CreateUser: (options) => users.createUser({ user: { name: 'Eve', email: `${uuidv7()}@example.com` } }, options),
    GetUser: (options) => users.getUser({ id: 'ada' }, options),
    ListUsers: (options) => users.listUsers({}, options),
    ImportUsers: (options) => users.importUsers(imported(), options),
    CreateItem: (options) =>
      inventory.createItem({ item: { sku: uuidv7(), name: 'x', unitPrice: euros(1n), onHand: 1n } }, options),
    GetItem: (options) => inventory.getItem({ sku: 'book' }, options),
    ReserveStock: (options) =>
      inventory.reserveStock({ requestId, orderId, items: [{ sku: 'book', quantity: 1n }] }, options),
    Deposit: (options) => accounts.deposit({ requestId: uuidv7(), accountId: 'ada', amount: euros(1n) }, options),
    GetBalance: (options) => accounts.getBalance({ accountId: 'ada' }, options),
    ListAccountEvents: (options) => accounts.listAccountEvents({ accountId: 'ada' }, options),
    Charge: (options) => payments.charge({ requestId, orderId, userId: 'ada', amount: euros(1n) }, options),
    ListPayments: (options) => payments.listPayments({}, options),
    ListBalances: (options) => ledger.listBalances({}, options),
    CreateShipment: (options) => shipping.createShipment({ requestId, orderId, paymentId: 'p', address }, options),
    GetShipment: (options) => shipping.getShipment({ orderId }, options),
    PlaceOrder: (options) => orders.placeOrder({ ...order, requestId: uuidv7(), shippingAddress: address }, options),
    GetOrder: (options) => orders.getOrder({ id: orderId }, options),
    ListOrders: (options) => orders.listOrders({}, options),
    ListNotifications: (options) => notifications.listNotifications({}, options),
    ListUserOrders: (options) => reports.listUserOrders({ userId: 'ada' }, options),
    ListTopics: (options) => events.listTopics({}, options),
    Publish: (options) =>
      events.publish({ topic: 'user.events', key: 'k', type: 'T', value: { $case: 'json', value: '{}' } }, options),
    Subscribe: (options) => events.subscribe({ topic: 'user.events' }, options),
    ListSagas: (options) => sagas.listSagas({}, options),
    ListDeadLetters: (options) => deadLetters.listDeadLetters({}, options),
    ListProjections: (options) => projections.listProjections({}, options),
  };
}
