import type { Address, Queryable, Row, Transaction } from '#mesh';
import { shipmentNotFound } from './errors.ts';
import type { Shipment, ShipmentState } from './shipment.ts';

/** Adds the shipment of an order; false if the order has one. */
export async function insertShipment(tx: Transaction, shipment: Shipment): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO shipments (order_id, id, payment_id, address, state, carrier, tracking_number, refusal, version, create_time,
       update_time, user_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING`,
    [
      shipment.orderId,
      shipment.id,
      shipment.paymentId,
      shipment.address ? JSON.stringify(shipment.address) : '',
      shipment.state,
      shipment.carrier,
      shipment.trackingNumber,
      shipment.refusal,
      shipment.version,
      shipment.createTimeMs,
      shipment.updateTimeMs,
      shipment.userId,
    ],
  );
  return inserted === 1;
}

async function findShipment(db: Queryable, orderId: string): Promise<Shipment | undefined> {
  const [row] = await db.query<ShipmentRow>('SELECT * FROM shipments WHERE order_id = $1', [orderId]);
  return row && shipmentOf(row);
}

/** Returns the shipment of an order. Throws NOT_FOUND `SHIPMENT_NOT_FOUND`. */
export async function getShipment(db: Queryable, orderId: string): Promise<Shipment> {
  const shipment = await findShipment(db, orderId);
  if (!shipment) throw shipmentNotFound({ orderId });
  return shipment;
}

export interface ShipmentChange {
  readonly from: readonly ShipmentState[];
  readonly to: ShipmentState;
  readonly carrier?: string;
  readonly trackingNumber?: string;
  readonly refusal?: string;
  readonly timeMs: number;
}

/**
 * Moves a shipment to another state; undefined if it is in none of the states in `from`. It gets a new version unless the
 * carrier's answer is still missing.
 */
export async function moveShipment(
  tx: Transaction,
  orderId: string,
  change: ShipmentChange,
): Promise<Shipment | undefined> {
  const from = change.from.map((_, index) => `$${index + 8}`).join(', ');
  const [row] = await tx.query<ShipmentRow>(
    `UPDATE shipments SET state = $2, carrier = COALESCE($3, carrier), tracking_number = COALESCE($4, tracking_number),
       refusal = COALESCE($5, refusal), update_time = $6, version = version + $7
     WHERE order_id = $1 AND state IN (${from}) RETURNING *`,
    [
      orderId,
      change.to,
      change.carrier ?? null,
      change.trackingNumber ?? null,
      change.refusal ?? null,
      change.timeMs,
      change.to === 'CANCELLING' ? 0 : 1,
      ...change.from,
    ],
  );
  return row && shipmentOf(row);
}

interface ShipmentRow extends Row {
  readonly order_id: string;
  readonly id: string;
  readonly payment_id: string;
  readonly address: string;
  readonly state: ShipmentState;
  readonly carrier: string;
  readonly tracking_number: string;
  readonly refusal: string;
  readonly version: bigint;
  readonly create_time: bigint;
  readonly update_time: bigint;
  readonly user_id: string;
}

function shipmentOf(row: ShipmentRow): Shipment {
  return {
    id: row.id,
    orderId: row.order_id,
    paymentId: row.payment_id,
    address: row.address === '' ? undefined : (JSON.parse(row.address) as Address),
    state: row.state,
    carrier: row.carrier,
    trackingNumber: row.tracking_number,
    refusal: row.refusal,
    version: row.version,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
    userId: row.user_id,
  };
}
