import type { Client } from 'nice-grpc';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import type { InventoryServiceDefinition, Reservation } from '#gen/inventory/v1/inventory.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import type { OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import type { Payment, PaymentServiceDefinition } from '#gen/payment/v1/payment.ts';
import type { AuditCheck, Clock, Runtime } from '#mesh';
import { type Comparison, compareWithOrders } from './orders/compare-with-orders.ts';
import { judgeCharge } from './orders/judge-charge.ts';
import { judgeReservation } from './orders/judge-reservation.ts';

/**
 * Returns the checks that orders agree with payments and reservations, as far as those services are in this process or have an
 * address. The checks use the services' ordinary RPCs.
 */
export function auditOrders({ findClient, clock }: Pick<Runtime, 'findClient' | 'clock'>): AuditCheck[] {
  const orders = findClient(OrderServiceContract);
  const payments = findClient(PaymentServiceContract);
  const inventory = findClient(InventoryServiceContract);
  return [
    ...(orders && payments ? [auditCharges(orders, payments, clock)] : []),
    ...(orders && inventory ? [auditReservations(orders, inventory, clock)] : []),
  ];
}

function auditCharges(
  orders: Client<OrderServiceDefinition>,
  payments: Client<PaymentServiceDefinition>,
  clock: Clock,
): AuditCheck {
  const charges: Comparison<Payment> = {
    name: 'orders/charges',
    list: (bounds) => payments.listPayments({}, bounds),
    get: (orderId, bounds) => payments.getPayment({ orderId }, bounds),
    orderIdOf: ({ orderId }) => orderId,
    // Both lists are sorted by creation time, and an order is paid soon after its creation.
    positionOf: timeOf,
    orderPositionOf: timeOf,
    judge: judgeCharge,
  };
  return compareWithOrders(charges, orders, clock);
}

function auditReservations(
  orders: Client<OrderServiceDefinition>,
  inventory: Client<InventoryServiceDefinition>,
  clock: Clock,
): AuditCheck {
  const reservations: Comparison<Reservation> = {
    name: 'orders/reservations',
    list: (bounds) => inventory.listReservations({}, bounds),
    get: (orderId, bounds) => inventory.getReservation({ orderId }, bounds),
    orderIdOf: ({ orderId }) => orderId,
    positionOf: ({ orderId }) => orderId,
    orderPositionOf: ({ id }) => id,
    judge: judgeReservation,
  };
  return compareWithOrders(reservations, orders, clock);
}

function timeOf({ createTime }: { readonly createTime?: Date | undefined }): number {
  return createTime?.getTime() ?? 0;
}
