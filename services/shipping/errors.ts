import { Status } from 'nice-grpc-common';
import { MeshError } from '#mesh';

/** NOT_FOUND `SHIPMENT_NOT_FOUND`. */
export function shipmentNotFound(orderId: string): MeshError {
  return new MeshError(
    Status.NOT_FOUND,
    'SHIPMENT_NOT_FOUND',
    `there is no shipment of order ${orderId}: create it first`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** ALREADY_EXISTS `SHIPMENT_EXISTS`. */
export function shipmentExists(orderId: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'SHIPMENT_EXISTS',
    `order ${orderId} is shipped with another payment or to another address: repeat that request, or place another order`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** FAILED_PRECONDITION `SHIPMENT_CANCELLED`. */
export function shipmentCancelled(orderId: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'SHIPMENT_CANCELLED',
    `the shipment of order ${orderId} was cancelled, which forbids another: place another order`,
    { metadata: { order_id: orderId } },
  );
}

/** FAILED_PRECONDITION `CARRIER_REFUSED`: `refusal` is what the carrier said. */
export function carrierRefused(orderId: string, refusal: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'CARRIER_REFUSED',
    `the carrier does not take order ${orderId} (${refusal}): place another order, to another address`,
    {
      metadata: { order_id: orderId },
    },
  );
}

/** UNAVAILABLE `CARRIER_UNAVAILABLE`: `what` is how the carrier failed to answer. */
export function carrierUnavailable(what: string, cause?: unknown): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'CARRIER_UNAVAILABLE',
    `the carrier ${what}, so it is not known whether it acted: call again with the same request_id`,
    { cause },
  );
}
