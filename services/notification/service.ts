import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { defineService, serve, urlSetting } from '#mesh';
import { openMailer } from './mail/open-mailer.ts';
import { mailQueue } from './mail-job.ts';
import { queueNotifications } from './queue-notification.ts';
import { createNotificationRpc } from './rpc.ts';
import { sendMail } from './send-mail.ts';

const mailUrl = urlSetting('MAIL_URL', {
  default: 'file:<DATA_DIR>/mail',
  allowed: 'file:<folder> or smtp(s)://<user>:<password>@<host>:<port>',
  doc: '`file:<folder>`, one `.eml` per mail; `smtp(s)://<user>:<password>@<host>:<port>?from=<address>`',
  local: ['file'],
  remote: ['smtp', 'smtps'],
});

export const notificationService = defineService({
  name: 'notification',
  settings: { mailUrl },
  migrations: new URL('./migrations/', import.meta.url),
  topics: [],
  needs: ['events', 'tasks'],
  setup: async ({ settings, storage, outbox, client, run, clock }) => {
    const consumer = await run.consumer(queueNotifications({ users: client(UserServiceContract), outbox, clock }));
    const mailer = await openMailer(settings.mailUrl, clock);
    run.worker(mailQueue, {
      concurrency: mailer.concurrency,
      handle: (job, task) => sendMail(job, task, { storage, mailer, clock }),
    });
    return {
      serves: [serve(NotificationServiceContract, createNotificationRpc(storage), { check: consumer.check })],
      close: async () => mailer.close(),
    };
  },
});
