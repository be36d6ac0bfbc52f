import {
  liveGeneration,
  type Projection,
  type ProjectionTable,
  type Queryable,
  type Row,
  readRows,
  type SqlValue,
  writeRows,
} from '#mesh';
import { evolvePayment, type Payment, type PaymentState } from '../domain/payment.ts';
import { isOfPayment, orderIdOf, paymentEventTypes } from '../streams/payment-stream.ts';

const list: ProjectionTable = {
  table: 'payment_list',
  key: ['order_id'],
  values: ['id', 'user_id', 'currency_code', 'amount', 'state', 'create_time', 'update_time'],
};

/** All payments, to be listed. */
export const paymentList: Projection = {
  name: 'payment-list',
  version: 1,
  tables: [list],
  async apply(tx, generation, events) {
    const changes = events.filter(isOfPayment);
    const orderIds = [...new Set(changes.map(orderIdOf))];
    const rows = await readRows<PaymentRow>(tx, list, generation, orderIds);
    const payments = new Map(rows.map((row) => [row.order_id, paymentOf(row)]));
    for (const event of changes) {
      const orderId = orderIdOf(event);
      const change = paymentEventTypes.decode(event);
      payments.set(orderId, evolvePayment(payments.get(orderId), orderId, change, event.timeMs));
    }
    await writeRows(tx, list, generation, [...payments.values()].map(rowOf));
  },
};

/** A page of payments after an id, in id order. */
export async function pageOfPayments(db: Queryable, afterId: string, size: number): Promise<Payment[]> {
  const rows = await db.query<PaymentRow>(
    `SELECT * FROM payment_list WHERE generation = ${liveGeneration(paymentList.name)} AND id > $1 ORDER BY id LIMIT $2`,
    [afterId, size],
  );
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

function rowOf({ orderId, id, userId, amount, state, createTimeMs, updateTimeMs }: Payment): SqlValue[] {
  return [orderId, id, userId, amount?.currencyCode ?? '', amount?.minorUnits ?? 0n, state, createTimeMs, updateTimeMs];
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
