import type { JsonObject } from '@bufbuild/protobuf';

/** What the samples are about: an order of the owner and what belongs to it. */
export interface SampleIds {
  readonly orderId: string;
  readonly notificationId: string;
}

const none = 'none-such';

/**
 * A request of a method that breaks no rule, as JSON: of the resources of ada, or of what does not exist, so it changes
 * nothing that another sample needs. Methods that are not here are called with an empty request.
 */
export function sampleRequests({ orderId, notificationId }: SampleIds): Readonly<Record<string, JsonObject>> {
  const items = [{ sku: 'book', quantity: '1' }];
  const amount = { currencyCode: 'EUR', minorUnits: '100' };
  const address = { recipient: 'Ada', lines: ['Main Street 1'], city: 'Town', postalCode: '1', countryCode: 'DE' };
  const [ofAccount, ofUser, ofOrder] = [{ accountId: 'ada' }, { userId: 'ada' }, { orderId }];
  const step = { orderId: none };
  return {
    'events.v1.EventService/Publish': { topic: none, key: 'k', type: 'T', json: '{}' },
    'events.v1.EventService/Subscribe': { topic: none },
    'inventory.v1.InventoryService/CreateItem': { item: { sku: 'book', name: 'A book', unitPrice: amount } },
    'inventory.v1.InventoryService/GetItem': { sku: 'book' },
    'inventory.v1.InventoryService/BatchGetItems': { skus: ['book'] },
    'inventory.v1.InventoryService/AdjustStock': { sku: none, delta: '1', reason: 'counted' },
    'inventory.v1.InventoryService/ReserveStock': { orderId: 'other-order', items: [{ sku: none, quantity: '1' }] },
    'inventory.v1.InventoryService/ReleaseStock': step,
    'inventory.v1.InventoryService/CommitStock': step,
    'inventory.v1.InventoryService/GetReservation': ofOrder,
    'notification.v1.NotificationService/ListNotifications': ofUser,
    'notification.v1.NotificationService/GetNotification': { id: notificationId },
    'ops.v1.ConsumerService/ReplayConsumer': { group: none, reason: 'a test' },
    'ops.v1.DeadLetterService/GetDeadLetter': { id: none },
    'ops.v1.DeadLetterService/RedriveDeadLetters': { ids: [none], reason: 'a test' },
    'ops.v1.DeadLetterService/DiscardDeadLetters': { ids: [none], note: 'a test' },
    'ops.v1.OwnerService/FilterOwnIds': { owner: none },
    'ops.v1.ProjectionService/RebuildProjection': { name: none, reason: 'a test' },
    'ops.v1.AuditService/RunAudit': { checks: ['payment/ledger'] },
    'ops.v1.SagaService/GetSaga': { id: orderId },
    'ops.v1.SagaService/RetrySaga': { id: orderId, note: 'a test' },
    'ops.v1.SagaService/ResolveSaga': {
      id: orderId,
      step: 'charge',
      outcome: 'RESOLVE_OUTCOME_SKIPPED',
      note: 'a test',
    },
    'order.v1.OrderService/PlaceOrder': { ...ofUser, items: [{ sku: none, quantity: 1 }], shippingAddress: address },
    'order.v1.OrderService/QuoteOrder': { ...ofUser, items: [{ sku: 'book', quantity: 1 }] },
    'order.v1.OrderService/GetOrder': { id: orderId },
    'order.v1.OrderService/ListOrders': ofUser,
    'order.v1.OrderService/WatchOrder': { id: orderId },
    'order.v1.OrderService/CancelOrder': { id: orderId, reason: 'a test' },
    'payment.v1.AccountService/OpenAccount': { ...ofAccount, currencyCode: 'EUR' },
    'payment.v1.AccountService/Deposit': { ...ofAccount, amount },
    'payment.v1.AccountService/Withdraw': { ...ofAccount, amount },
    'payment.v1.AccountService/GetBalance': ofAccount,
    'payment.v1.AccountService/ListAccountEvents': ofAccount,
    'payment.v1.LedgerService/GetStatement': { ...ofAccount, month: '2000-01' },
    'payment.v1.LedgerService/ListStatements': ofAccount,
    'payment.v1.PaymentService/Charge': { ...step, userId: 'nobody', amount },
    'payment.v1.PaymentService/Refund': step,
    'payment.v1.PaymentService/GetPayment': ofOrder,
    'report.v1.OrderReportService/ListUserOrders': ofUser,
    'shipping.v1.ShippingService/CreateShipment': { ...ofOrder, paymentId: 'other', address },
    'shipping.v1.ShippingService/CancelShipment': step,
    'shipping.v1.ShippingService/GetShipment': ofOrder,
    'user.v1.UserService/CreateUser': { user: { id: 'ada', name: 'Ada', email: 'ada@example.com' } },
    'user.v1.UserService/GetUser': { id: 'ada' },
    'user.v1.UserService/BatchGetUsers': { ids: ['ada'] },
    'user.v1.UserService/UpdateUser': { user: { id: 'ada', name: 'Ada' } },
    'user.v1.UserService/DeleteUser': { id: 'ada', etag: 'stale' },
    'user.v1.UserService/ImportUsers': { user: { name: 'No address' } },
    'inventory.v1.InventoryService/ListItems': {},
    'ops.v1.SagaService/ListSagas': { limit: items.length },
  };
}
