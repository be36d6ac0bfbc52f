import type { Client } from 'nice-grpc';
import { InventoryServiceContract } from '#gen/inventory/v1/inventory.contract.ts';
import { type InventoryServiceDefinition, type Reservation, ReservationState } from '#gen/inventory/v1/inventory.ts';
import { OrderServiceContract } from '#gen/order/v1/order.contract.ts';
import type { OrderServiceDefinition } from '#gen/order/v1/order.ts';
import { PaymentServiceContract } from '#gen/payment/v1/payment.contract.ts';
import { type Payment, type PaymentServiceDefinition, PaymentState } from '#gen/payment/v1/payment.ts';
import type { AuditCheck, Clock, Runtime } from '#mesh';
import { type Comparison, compareWithOrders } from './orders/compare-with-orders.ts';
import { chargeOfUnknownOwner, reservationOfUnknownOwner } from './orders/errors.ts';
import { judgeCharge } from './orders/judge-charge.ts';
import { judgeReservation } from './orders/judge-reservation.ts';
import { judgeOwner, type KnownOwners, type Owners, ofOrder, withOwners } from './owners/owners.ts';
import { paymentsOf, reservationsOf } from './whole-lists.ts';

/**
 * Returns the checks that orders agree with payments and reservations, as far as those services are in this process or have an
 * address. The checks use the services' ordinary RPCs.
 */
export function auditOrders(
  { findClient, clock }: Pick<Runtime, 'findClient' | 'clock'>,
  owners: Owners,
): AuditCheck[] {
  const orders = findClient(OrderServiceContract);
  const payments = findClient(PaymentServiceContract);
  const inventory = findClient(InventoryServiceContract);
  return [
    ...(orders && payments ? [withOwners(owners, (known) => auditCharges(orders, payments, known, clock))] : []),
    ...(orders && inventory ? [withOwners(owners, (known) => auditReservations(orders, inventory, known, clock))] : []),
  ];
}

function auditCharges(
  orders: Client<OrderServiceDefinition>,
  payments: Client<PaymentServiceDefinition>,
  owners: KnownOwners,
  clock: Clock,
): AuditCheck {
  const charges: Comparison<Payment> = {
    name: 'orders/charges',
    list: (bounds) => paymentsOf(payments)({}, bounds),
    get: (orderId, bounds) => payments.getPayment({ orderId }, bounds),
    beforeRecheck: owners.refresh,
    orderIdOf: ({ orderId }) => orderId,
    // Both lists are sorted by creation time, and an order is paid soon after its creation.
    positionOf: timeOf,
    orderPositionOf: timeOf,
    judge: (orderId, order, payment) =>
      judgeCharge(orderId, order, ofOrder(payment)) ??
      (payment?.state === PaymentState.PAYMENT_STATE_CHARGED
        ? judgeOwner(payment, { owners, reason: chargeOfUnknownOwner.reason, what: 'the payment' })
        : undefined),
  };
  return compareWithOrders(charges, orders, clock);
}

function auditReservations(
  orders: Client<OrderServiceDefinition>,
  inventory: Client<InventoryServiceDefinition>,
  owners: KnownOwners,
  clock: Clock,
): AuditCheck {
  const reservations: Comparison<Reservation> = {
    name: 'orders/reservations',
    list: (bounds) => reservationsOf(inventory)({}, bounds),
    get: (orderId, bounds) => inventory.getReservation({ orderId }, bounds),
    beforeRecheck: owners.refresh,
    orderIdOf: ({ orderId }) => orderId,
    positionOf: ({ orderId }) => orderId,
    orderPositionOf: ({ id }) => id,
    judge: (orderId, order, reservation) =>
      judgeReservation(orderId, order, ofOrder(reservation)) ??
      (reservation?.state !== ReservationState.RESERVATION_STATE_RELEASED
        ? judgeOwner(reservation, { owners, reason: reservationOfUnknownOwner.reason, what: 'the reservation' })
        : undefined),
  };
  return compareWithOrders(reservations, orders, clock);
}

function timeOf({ createTime }: { readonly createTime?: Date | undefined }): number {
  return createTime?.getTime() ?? 0;
}
