import type { Queryable, Row, SqlValue, Transaction } from '#mesh';
import type { Notification, NotificationState } from './notification.ts';
import type { OrderTemplate } from './template.ts';

/** The notifications to list. An empty field matches any. */
export interface NotificationFilter {
  readonly userId: string;
  readonly orderId: string;
}

/** Adds a notification. Returns false if it exists already. */
export async function insertNotification(tx: Transaction, notification: Notification): Promise<boolean> {
  const inserted = await tx.execute(
    `INSERT INTO notifications (id, user_id, order_id, template, recipient, state, attempts, last_error, create_time, update_time)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      notification.id,
      notification.userId,
      notification.orderId,
      notification.template,
      notification.to,
      notification.state,
      notification.attempts,
      notification.lastError,
      notification.createTimeMs,
      notification.updateTimeMs,
    ],
  );
  return inserted === 1;
}

/** The outcome of an attempt to send it. */
export interface SendingOutcome {
  readonly state: NotificationState;
  readonly lastError: string;
  readonly timeMs: number;
}

/** Records an attempt. A notification that is sent stays sent. */
export function recordAttempt(tx: Transaction, id: string, outcome: SendingOutcome): void {
  tx.defer(
    `UPDATE notifications SET state = $2, last_error = $3, update_time = $4, attempts = attempts + 1
     WHERE id = $1 AND state <> 'SENT'`,
    [id, outcome.state, outcome.lastError, outcome.timeMs],
  );
}

/** Whether the notification with this id is known to be sent. */
export async function isSent(db: Queryable, id: string): Promise<boolean> {
  const sent = await db.query("SELECT 1 AS one FROM notifications WHERE id = $1 AND state = 'SENT'", [id]);
  return sent.length > 0;
}

/** Returns the notification with this id. */
export async function findNotification(db: Queryable, id: string): Promise<Notification | undefined> {
  const [row] = await db.query<NotificationRow>('SELECT * FROM notifications WHERE id = $1', [id]);
  return row && notificationOf(row);
}

/** Returns a page of notifications after an id, in id order. */
export async function pageOfNotifications(
  db: Queryable,
  afterId: string,
  filter: NotificationFilter,
  size: number,
): Promise<Notification[]> {
  const conditions = ['id > $1'];
  const params: SqlValue[] = [afterId];
  if (filter.orderId !== '') conditions.push(`order_id = $${params.push(filter.orderId)}`);
  // An order has a few notifications and a user any number, so with both the index of orders is the one to use.
  const userId = filter.orderId === '' ? 'user_id' : "(user_id || '')";
  if (filter.userId !== '') conditions.push(`${userId} = $${params.push(filter.userId)}`);
  const limit = params.push(size);
  const rows = await db.query<NotificationRow>(
    `SELECT * FROM notifications WHERE ${conditions.join(' AND ')} ORDER BY id LIMIT $${limit}`,
    params,
  );
  return rows.map(notificationOf);
}

interface NotificationRow extends Row {
  readonly id: string;
  readonly user_id: string;
  readonly order_id: string;
  readonly template: OrderTemplate;
  readonly recipient: string;
  readonly state: NotificationState;
  readonly attempts: bigint;
  readonly last_error: string;
  readonly create_time: bigint;
  readonly update_time: bigint;
}

function notificationOf(row: NotificationRow): Notification {
  return {
    id: row.id,
    userId: row.user_id,
    orderId: row.order_id,
    template: row.template,
    to: row.recipient,
    state: row.state,
    attempts: Number(row.attempts),
    lastError: row.last_error,
    createTimeMs: Number(row.create_time),
    updateTimeMs: Number(row.update_time),
  };
}
