import type { Queryable, Row, Transaction } from '../../mesh/storage/storage.ts';
import type { Payment, PaymentState } from './payment.ts';

/** Adds the payment of an order; false when the order has one. Others that pay this order wait until this transaction ends. */
export async function insertPayment(tx: Transaction, payment: Payment): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO payments (order_id, id, user_id, currency_code, amount, state, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
    [
      payment.orderId,
      payment.id,
      payment.userId,
      payment.amount?.currencyCode ?? '',
      payment.amount?.minorUnits ?? 0n,
      payment.state,
      payment.createTimeMs,
      payment.updateTimeMs,
    ],
  );
  return inserted === 1;
}

/** Marks a charged payment as refunded; `undefined` when it is not charged (any more). */
export async function markRefunded(tx: Transaction, orderId: string, timeMs: number): Promise<Payment | undefined> {
  const [row] = await tx.query<PaymentRow>(
    `UPDATE payments SET state = 'REFUNDED', update_time = $2 WHERE order_id = $1 AND state = 'CHARGED' RETURNING *`,
    [orderId, timeMs],
  );
  return row && paymentOf(row);
}

/** The payment of an order, if there is one. */
export async function findPayment(db: Queryable, orderId: string): Promise<Payment | undefined> {
  const [row] = await db.query<PaymentRow>('SELECT * FROM payments WHERE order_id = $1', [orderId]);
  return row && paymentOf(row);
}

/** A page of payments after an id, in id order. */
export async function pageOfPayments(db: Queryable, afterId: string, size: number): Promise<Payment[]> {
  const rows = await db.query<PaymentRow>('SELECT * FROM payments WHERE id > $1 ORDER BY id LIMIT $2', [afterId, size]);
  return rows.map(paymentOf);
}

interface PaymentRow extends Row {
  readonly order_id: string;
  readonly id: string;
  readonly user_id: string;
  readonly currency_code: string;
  readonly amount: bigint;
  readonly state: PaymentState;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

function paymentOf(row: PaymentRow): Payment {
  return {
    id: row.id,
    orderId: row.order_id,
    userId: row.user_id,
    amount: row.currency_code === '' ? undefined : { currencyCode: row.currency_code, minorUnits: row.amount },
    state: row.state,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}
