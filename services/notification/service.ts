import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { type CreateService, createEventConsumer, createOutbox, createQueueWorker, loadMigrations, serve } from '#mesh';
import { openMailer } from './mail/open-mailer.ts';
import { mailQueue } from './mail-job.ts';
import { queueNotifications } from './queue-notification.ts';
import { createNotificationRpc } from './rpc.ts';
import { sendMail } from './send-mail.ts';

/** Wires the notification service. */
export const createNotificationService: CreateService = async (runtime) => {
  const { clock, logger, events, tasks, config } = runtime;
  const storage = await runtime.openStorage('notification');
  await storage.migrate('notification', await loadMigrations(new URL('./migrations/', import.meta.url)));
  const outbox = await createOutbox({
    storage,
    events,
    tasks,
    source: '//ordermesh/notification',
    topics: [],
    clock,
    logger,
  });
  const handler = queueNotifications({ users: runtime.client(UserServiceContract), outbox, clock });
  const consumer = await createEventConsumer({ events, storage, handler, clock, logger });
  const mailer = await openMailer(config.mailUrl, clock);
  const worker = createQueueWorker({
    tasks,
    queue: mailQueue,
    concurrency: mailer.concurrency,
    handle: (job, task) => sendMail(job, task, { storage, mailer, clock }),
  });
  return {
    name: 'notification',
    serves: [serve(NotificationServiceContract, createNotificationRpc(storage), { check: () => consumer.check() })],
    deadLetters: [consumer.deadLetters, outbox.deadLetters],
    start: async () => {
      await outbox.start();
      await consumer.start();
      await worker.start();
    },
    stop: async (graceMs) => {
      const endMs = clock.elapsedMs() + graceMs;
      // In parallel: while an event hangs, the worker must not take mails that would be cut off.
      await Promise.all([worker.stop(graceMs), consumer.stop(graceMs)]);
      await outbox.stop(Math.max(0, endMs - clock.elapsedMs()));
      mailer.close();
    },
    check: () => storage.check(),
    needs: ['events', 'tasks'],
  };
};
