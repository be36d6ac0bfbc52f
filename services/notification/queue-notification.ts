import {
  type Clock,
  decodeEvent,
  type EventAttributes,
  type EventHandler,
  type Outbox,
  undecodable,
  uuidv5,
} from '#mesh';
import type { FindRecipient } from './find-recipient.ts';
import { jobTask, mailQueue } from './mail-job.ts';
import { isId, newNotification, templateFor } from './notification.ts';
import { orderNews } from './order-news.ts';
import { insertNotification } from './store.ts';

/** What making mail jobs takes. */
export interface QueueNotificationDeps {
  readonly findRecipient: FindRecipient;
  readonly outbox: Outbox;
  readonly clock: Clock;
}

/** Turns an order's events into mail jobs: the notification and its task are one transaction. */
export function queueNotifications({ findRecipient, outbox, clock }: QueueNotificationDeps): EventHandler {
  return {
    group: 'notification-service',
    topics: ['order.events'],
    handle: async (event, attributes) => {
      const template = templateFor(attributes.type);
      if (!template) return undefined;
      const news = decodeEvent(event, orderNews);
      if (!isId(news.orderId) || !isId(news.userId))
        throw undecodable({ thing: 'order event', problem: 'it has no orderId or no userId' });
      const user = await findRecipient(news.userId);
      const notification = newNotification(notificationId(attributes), template, news.orderId, user, clock.now());
      const details = { name: user.name, message: news.message };
      return async (tx) => {
        if (await insertNotification(tx, notification))
          await outbox.addTask(tx, mailQueue, jobTask(notification, details));
      };
    },
  };
}

/** Our own services' ids are UUIDs that sort by time; those of other producers become unique with their source. */
function notificationId({ source, id }: EventAttributes): string {
  const ours = source.startsWith('//ordermesh/') && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id);
  return ours ? id : uuidv5('notification', source, id);
}
