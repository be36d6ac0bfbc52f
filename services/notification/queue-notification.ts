import type { Client } from 'nice-grpc';
import { OrderEvent } from '../../gen/ts/order/v1/events.ts';
import type { User, UserServiceDefinition } from '../../gen/ts/user/v1/user.ts';
import type { EventHandler } from '../../mesh/events/consumer.ts';
import type { EventAttributes } from '../../mesh/events/envelope.ts';
import type { StoredEvent } from '../../mesh/events/event-log.ts';
import type { Outbox } from '../../mesh/events/outbox.ts';
import { uuidv5 } from '../../mesh/ids/ids.ts';
import type { Clock } from '../../mesh/telemetry/clock.ts';
import { unreadableEvent } from './errors.ts';
import { jobTask, mailQueue } from './mail-job.ts';
import { type Notification, templateFor } from './notification.ts';
import { insertNotification } from './store.ts';
import type { OrderTemplate } from './template.ts';

export interface QueueNotificationDeps {
  readonly users: Client<UserServiceDefinition>;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Turns an order's events into mail jobs: the notification and its task are one transaction. */
export function queueNotifications({ users, outbox, clock }: QueueNotificationDeps): EventHandler {
  return {
    group: 'notification-service',
    topics: ['order.events'],
    handle: async (event, attributes) => {
      const template = templateFor(attributes.type);
      if (!template) return undefined;
      const order = readEvent(event);
      const user = await users.getUser({ id: order.userId });
      const notification = newNotification(attributes, template, order, user, clock.now());
      const details = { name: user.name, message: order.order?.failure?.message ?? '' };
      return async (tx) => {
        if (await insertNotification(tx, notification))
          await outbox.addTask(tx, mailQueue, jobTask(notification, details));
      };
    },
  };
}

function newNotification(
  attributes: EventAttributes,
  template: OrderTemplate,
  order: OrderEvent,
  user: User,
  timeMs: number,
): Notification {
  return {
    id: notificationId(attributes.id),
    userId: user.id,
    orderId: order.orderId,
    template,
    to: user.email,
    state: 'QUEUED',
    attempts: 0,
    lastError: '',
    createTimeMs: timeMs,
    updateTimeMs: timeMs,
  };
}

/** The event's own id where it is a UUID, which sorts by time; what foreign producers use becomes one. */
function notificationId(eventId: string): string {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(eventId) ? eventId : uuidv5('notification', eventId);
}

function readEvent(event: StoredEvent): OrderEvent {
  try {
    return OrderEvent.fromJSON(JSON.parse(Buffer.from(event.value).toString()));
  } catch (error) {
    throw unreadableEvent('its value is not the JSON of order.v1.OrderEvent', error);
  }
}
