import type { ListNotificationsRequest, NotificationServiceImplementation } from '#gen/notification/v1/notification.ts';
import { type MeshCallContext, readPages, type Storage } from '#mesh';
import { notificationNotFound } from './errors.ts';
import { toProto } from './proto.ts';
import { findNotification, pageOfNotifications } from './store.ts';

/** The handlers of `notification.v1.NotificationService`. */
export function createNotificationRpc(storage: Storage): NotificationServiceImplementation<MeshCallContext> {
  return {
    listNotifications: (request, { signal }) => listNotifications(storage, request, signal),
    getNotification: async ({ id }) => {
      const notification = await findNotification(storage, id);
      if (!notification) throw notificationNotFound({ notificationId: id });
      return toProto(notification);
    },
  };
}

async function* listNotifications(storage: Storage, request: ListNotificationsRequest, signal: AbortSignal) {
  const pages = readPages({
    after: request.afterId,
    limit: request.limit,
    signal,
    fetch: (afterId, size) => pageOfNotifications(storage, afterId, request, size),
    cursorOf: (notification) => notification.id,
  });
  for await (const page of pages) yield* page.map(toProto);
}
