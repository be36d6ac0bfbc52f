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

/** Which message an order's event asks for; `undefined` for events that nobody is told of. */
export function templateFor(eventType: string): OrderTemplate | undefined {
  return templates.get(eventType);
}

const templates: ReadonlyMap<string, OrderTemplate> = new Map([
  ['ORDER_PLACED', 'order-placed'],
  ['ORDER_COMPLETED', 'order-completed'],
  ['ORDER_FAILED', 'order-failed'],
  ['ORDER_CANCELLED', 'order-cancelled'],
]);
