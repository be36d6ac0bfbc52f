import type { Client } from 'nice-grpc';
import type { InventoryServiceDefinition, ListReservationsRequest, Reservation } from '#gen/inventory/v1/inventory.ts';
import type { ListOrdersRequest, Order, OrderServiceDefinition } from '#gen/order/v1/order.ts';
import type { ListPaymentsRequest, Payment, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import { afterLast, resumable } from '#mesh';

// Audits read whole lists of other processes. If an instance stops meanwhile, a list continues at another.

/** Few, so an audit soon names a service that has no instance. */
const attempts = { maxAttempts: 3 };

export const ordersOf = ({ listOrders }: Client<OrderServiceDefinition>) =>
  resumable(
    listOrders,
    (request: Partial<ListOrdersRequest>) => afterLast(request, ({ id }: Order) => ({ afterId: id })),
    attempts,
  );

export const paymentsOf = ({ listPayments }: Client<PaymentServiceDefinition>) =>
  resumable(
    listPayments,
    (request: Partial<ListPaymentsRequest>) => afterLast(request, ({ id }: Payment) => ({ afterId: id })),
    attempts,
  );

export const reservationsOf = ({ listReservations }: Client<InventoryServiceDefinition>) =>
  resumable(
    listReservations,
    (request: Partial<ListReservationsRequest>) =>
      afterLast(request, ({ orderId }: Reservation) => ({ afterOrderId: orderId })),
    attempts,
  );
