/** Who may call a method, as a person decided it: not read from the contracts, whose rules are tested against this. */
export type Who =
  | 'anonymous'
  | 'owner'
  | 'other'
  | 'operator'
  | 'admin'
  | 'order'
  | 'gift'
  | 'ops'
  | 'notification'
  | 'report';

/** Everyone that the matrix tries. `owner` is the user to whom all samples belong; `other` is another user. */
export const everyone: readonly Who[] = [
  'anonymous',
  'owner',
  'other',
  'operator',
  'admin',
  'order',
  'gift',
  'ops',
  'notification',
  'report',
];

const staff = ['operator', 'admin'] as const;
const own = ['owner', ...staff] as const;
const users = ['owner', 'other', ...staff] as const;
const sagas = ['order'] as const;
const operators = ['operator', 'ops'] as const;
const services = ['order', 'gift', 'ops', 'notification', 'report'] as const;

/** Each method of the contracts, with those who may call it. */
export const mayCall: Readonly<Record<string, readonly Who[]>> = {
  'events.v1.EventService/ListTopics': ['operator', ...services],
  'events.v1.EventService/Publish': ['operator'],
  'events.v1.EventService/Subscribe': ['operator', ...services],
  'inventory.v1.InventoryService/CreateItem': staff,
  'inventory.v1.InventoryService/GetItem': [...users, ...sagas],
  'inventory.v1.InventoryService/BatchGetItems': [...users, ...sagas],
  'inventory.v1.InventoryService/ListItems': [...users, ...sagas],
  'inventory.v1.InventoryService/AdjustStock': staff,
  'inventory.v1.InventoryService/ReserveStock': sagas,
  'inventory.v1.InventoryService/ReleaseStock': sagas,
  'inventory.v1.InventoryService/CommitStock': sagas,
  'inventory.v1.InventoryService/GetReservation': [...staff, 'ops'],
  'inventory.v1.InventoryService/ListReservations': [...staff, 'ops'],
  'notification.v1.NotificationService/ListNotifications': own,
  'notification.v1.NotificationService/GetNotification': own,
  'ops.v1.ActionService/ListOperatorActions': [...staff, 'ops'],
  'ops.v1.AuditService/RunAudit': operators,
  'ops.v1.AuditService/ListChecks': operators,
  'ops.v1.AuditService/GetLastAudit': operators,
  'ops.v1.ConsumerService/ListConsumers': operators,
  'ops.v1.ConsumerService/ReplayConsumer': operators,
  'ops.v1.DeadLetterService/ListDeadLetters': operators,
  'ops.v1.DeadLetterService/GetDeadLetter': operators,
  'ops.v1.DeadLetterService/RedriveDeadLetters': operators,
  'ops.v1.DeadLetterService/DiscardDeadLetters': operators,
  'ops.v1.HealthService/ListHealth': operators,
  'ops.v1.OwnerService/ListOwners': operators,
  'ops.v1.OwnerService/FilterOwnIds': operators,
  'ops.v1.ProjectionService/ListProjections': operators,
  'ops.v1.ProjectionService/RebuildProjection': operators,
  'ops.v1.SagaService/ListSagas': operators,
  'ops.v1.SagaService/GetSaga': operators,
  'ops.v1.SagaService/RetrySaga': operators,
  'ops.v1.SagaService/ResolveSaga': operators,
  'ops.v1.StatusService/GetStatus': operators,
  'order.v1.OrderService/PlaceOrder': own,
  'order.v1.OrderService/QuoteOrder': own,
  'order.v1.OrderService/GetOrder': [...own, 'ops'],
  'order.v1.OrderService/ListOrders': [...own, 'ops'],
  'order.v1.OrderService/WatchOrder': own,
  'order.v1.OrderService/CancelOrder': own,
  'payment.v1.AccountService/OpenAccount': own,
  'payment.v1.AccountService/Deposit': staff,
  'payment.v1.AccountService/Withdraw': staff,
  'payment.v1.AccountService/GetBalance': [...own, 'order'],
  'payment.v1.AccountService/ListAccountEvents': own,
  'payment.v1.LedgerService/ListBalances': staff,
  'payment.v1.LedgerService/GetStatement': own,
  'payment.v1.LedgerService/ListStatements': own,
  'payment.v1.PaymentService/Charge': sagas,
  'payment.v1.PaymentService/Refund': sagas,
  'payment.v1.PaymentService/GetPayment': [...own, 'ops'],
  'payment.v1.PaymentService/ListPayments': [...staff, 'ops'],
  'report.v1.OrderReportService/ListUserOrders': own,
  'report.v1.OrderReportService/ListBestSellers': staff,
  'shipping.v1.ShippingService/CreateShipment': ['order'],
  'shipping.v1.ShippingService/CancelShipment': ['order'],
  'shipping.v1.ShippingService/GetShipment': own,
  'user.v1.UserService/CreateUser': own,
  'user.v1.UserService/GetUser': [...own, 'order', 'notification'],
  'user.v1.UserService/BatchGetUsers': staff,
  'user.v1.UserService/ListUsers': staff,
  'user.v1.UserService/UpdateUser': own,
  'user.v1.UserService/DeleteUser': own,
  'user.v1.UserService/ImportUsers': staff,
};
