import { type Queryable, type Row, tableProjection } from '#mesh';
import { evolvePayment, type Payment, type PaymentState } from '../domain/payment.ts';
import { paymentDefinition } from '../streams/payment-stream.ts';

interface PaymentRow extends Row {
  readonly order_id: string;
  readonly id: string;
  readonly user_id: string;
  readonly currency_code: string;
  readonly amount: bigint;
  readonly state: PaymentState;
  readonly owner: string;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

/** All payments. */
export const paymentList = tableProjection({
  name: 'payment-list',
  version: 1,
  of: paymentDefinition,
  table: 'payment_list',
  key: ['order_id'],
  values: ['id', 'user_id', 'currency_code', 'amount', 'state', 'owner', 'create_time', 'update_time'],
  keyOf: ({ id: orderId }) => [orderId],
  evolve: (payment: Payment | undefined, { id: orderId, body, event }) =>
    evolvePayment(payment, orderId, body, event.timeMs),
  encode: (payment: Payment): PaymentRow => ({
    order_id: payment.orderId,
    id: payment.id,
    user_id: payment.userId,
    currency_code: payment.amount?.currencyCode ?? '',
    amount: payment.amount?.minorUnits ?? 0n,
    state: payment.state,
    owner: payment.owner,
    create_time: BigInt(payment.createTimeMs),
    update_time: BigInt(payment.updateTimeMs),
  }),
  decode: (row: PaymentRow): Payment => ({
    id: row.id,
    orderId: row.order_id,
    userId: row.user_id,
    amount: row.currency_code === '' ? undefined : { currencyCode: row.currency_code, minorUnits: row.amount },
    state: row.state,
    owner: row.owner,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  }),
});

/** Returns a page of payments after an id, in id order; only those of `owner`, unless it is ''. */
export function pageOfPayments(db: Queryable, owner: string, afterId: string, size: number): Promise<Payment[]> {
  if (owner === '') return paymentList.select(db, 'WHERE id > $1 ORDER BY id LIMIT $2', [afterId, size]);
  return paymentList.select(db, 'WHERE owner = $1 AND id > $2 ORDER BY id LIMIT $3', [owner, afterId, size]);
}
