import { InventoryServiceContract } from '../../gen/ts/inventory/v1/inventory.contract.ts';
import { OrderServiceContract } from '../../gen/ts/order/v1/order.contract.ts';
import { PaymentServiceContract } from '../../gen/ts/payment/v1/payment.contract.ts';
import type { Runtime } from '../../mesh/app/service.ts';
import type { AuditCheck } from '../../mesh/audit/audit.ts';
import { compareWithOrders } from './compare-with-orders.ts';
import { judgeCharge } from './judge-charge.ts';
import { judgeReservation } from './judge-reservation.ts';

/** The checks that orders agree with what other services did for them. They ask as any caller does. */
export function auditOrders({ client, clock }: Pick<Runtime, 'client' | 'clock'>): AuditCheck[] {
  const orders = client(OrderServiceContract);
  const payments = client(PaymentServiceContract);
  const inventory = client(InventoryServiceContract);
  return [
    compareWithOrders(
      {
        name: 'orders/charges',
        list: (bounds) => payments.listPayments({}, bounds),
        get: (orderId, bounds) => payments.getPayment({ orderId }, bounds),
        orderIdOf: ({ orderId }) => orderId,
        // The ids of both begin with the time at which they were made, and an order is soon paid.
        positionOf: timeOf,
        orderPositionOf: timeOf,
        judge: judgeCharge,
      },
      orders,
      clock,
    ),
    compareWithOrders(
      {
        name: 'orders/reservations',
        list: (bounds) => inventory.listReservations({}, bounds),
        get: (orderId, bounds) => inventory.getReservation({ orderId }, bounds),
        orderIdOf: ({ orderId }) => orderId,
        positionOf: ({ orderId }) => orderId,
        orderPositionOf: ({ id }) => id,
        judge: judgeReservation,
      },
      orders,
      clock,
    ),
  ];
}

function timeOf({ createTime }: { readonly createTime?: Date | undefined }): number {
  return createTime?.getTime() ?? 0;
}
