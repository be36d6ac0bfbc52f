import { Status } from 'nice-grpc-common';
import { MeshError } from '../../mesh/errors/mesh-error.ts';

export function shipmentNotFound(orderId: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'SHIPMENT_NOT_FOUND', `there is no shipment of order ${orderId}`, {
    metadata: { order_id: orderId },
  });
}

export function shipmentExists(orderId: string): MeshError {
  return new MeshError(
    Status.ALREADY_EXISTS,
    'SHIPMENT_EXISTS',
    `order ${orderId} is shipped otherwise already: another payment or address`,
    {
      metadata: { order_id: orderId },
    },
  );
}

export function shipmentCancelled(orderId: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'SHIPMENT_CANCELLED',
    `the shipment of order ${orderId} was cancelled, which forbids another: place another order`,
    { metadata: { order_id: orderId } },
  );
}

export function carrierRefused(orderId: string, refusal: string): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'CARRIER_REFUSED',
    `the carrier does not take order ${orderId}: ${refusal}`,
    {
      metadata: { order_id: orderId },
    },
  );
}

export function carrierUnavailable(what: string, cause?: unknown): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'CARRIER_UNAVAILABLE',
    `the carrier ${what}, so it is not known whether it acted: call again with the same request_id`,
    { cause },
  );
}
