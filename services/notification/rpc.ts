import type { NotificationServiceHandlers } from '#gen/notification/v1/notification.contract.ts';
import { NotificationState, type Notification as ProtoNotification } from '#gen/notification/v1/notification.ts';
import { readPages, type Storage } from '#mesh';
import { notificationNotFound } from './errors.ts';
import type { Notification } from './notification.ts';
import { findNotification, pageOfNotifications } from './store.ts';

/** Implements `notification.v1.NotificationService`. */
export function createNotificationRpc(storage: Storage): NotificationServiceHandlers {
  return {
    listNotifications: (request, { signal }) =>
      readPages({
        after: request.afterId,
        limit: request.limit,
        signal,
        fetch: (afterId, size) => pageOfNotifications(storage, afterId, request, size),
        cursorOf: (notification) => notification.id,
        map: toProto,
      }),

    async getNotification({ id }) {
      const notification = await findNotification(storage, id);
      if (!notification) throw notificationNotFound({ notificationId: id });
      return toProto(notification);
    },
  };
}

/** A notification as its contract has it. */
function toProto({ createTimeMs, updateTimeMs, state, ...notification }: Notification): ProtoNotification {
  return {
    ...notification,
    state: NotificationState[`NOTIFICATION_STATE_${state}`],
    createTime: new Date(createTimeMs),
    updateTime: new Date(updateTimeMs),
  };
}
