import type { OrderTemplate } from './template.ts';

export type NotificationState = 'QUEUED' | 'SENT' | 'DEAD';

/** A message to a user about an order. Times are in milliseconds since the epoch. */
export interface Notification {
  readonly id: string;
  readonly userId: string;
  readonly orderId: string;
  readonly template: OrderTemplate;
  readonly to: string;
  readonly state: NotificationState;
  readonly attempts: number;
  readonly lastError: string;
  readonly createTimeMs: number;
  readonly updateTimeMs: number;
}

/** The recipient of a notification. */
export interface Recipient {
  readonly id: string;
  readonly email: string;
}

/** Returns a notification that is yet to be sent. */
export function newNotification(
  id: string,
  template: OrderTemplate,
  orderId: string,
  recipient: Recipient,
  timeMs: number,
): Notification {
  return {
    id,
    userId: recipient.id,
    orderId,
    template,
    to: recipient.email,
    state: 'QUEUED',
    attempts: 0,
    lastError: '',
    createTimeMs: timeMs,
    updateTimeMs: timeMs,
  };
}

/** Whether a text can be the id of a user, an order or a notification. */
export function isId(text: unknown): text is string {
  return typeof text === 'string' && /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/.test(text);
}

const templates: ReadonlyMap<string, OrderTemplate> = new Map([
  ['ORDER_PLACED', 'order-placed'],
  ['ORDER_COMPLETED', 'order-completed'],
  ['ORDER_FAILED', 'order-failed'],
  ['ORDER_CANCELLED', 'order-cancelled'],
]);

/** The types of events that cause a mail. */
export const templateTypes: readonly string[] = [...templates.keys()];

/** Returns the template for an event of an order; `undefined` for events that cause no mail. */
export function templateFor(eventType: string): OrderTemplate | undefined {
  return templates.get(eventType);
}
