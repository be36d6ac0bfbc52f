import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import { certificatesSetting, defineService, millisecondsSetting, openAgingClock, serve, urlSetting } from '#mesh';
import { openMailer } from './mail/open-mailer.ts';
import { mailQueue } from './mail-job.ts';
import { queueNotifications } from './queue-notification.ts';
import { createNotificationRpc } from './rpc.ts';
import { sendMail } from './send-mail.ts';

const mailUrl = urlSetting('MAIL_URL', {
  isSecret: true,
  default: 'file:<DATA_DIR>/mail',
  allowed: 'file:<folder> or smtp(s)://<user>:<password>@<host>:<port>',
  doc:
    '`file:<folder>`, a mailbox (mbox) a day; `smtp(s)://<user>:<password>@<host>:<port>?from=<address>`. Another ' +
    'machine gets mails over TLS only, unless the URL has `tls=off`',
  local: ['file'],
  remote: ['smtp', 'smtps'],
});

const dayMs = 24 * 60 * 60 * 1000;

const mailCa = certificatesSetting('MAIL_CA_FILE', {
  doc:
    'a PEM file: the authorities that may sign the certificate of the mail server. `node`: those of Node. Default: ' +
    '`TLS_CA`, else those of Node',
});

const mailRetentionMs = millisecondsSetting('MAIL_RETENTION_MS', {
  default: `${30 * dayMs}`,
  min: dayMs,
  max: 3650 * dayMs,
  doc: 'how long the folder of `MAIL_URL` keeps a mailbox after its last mail. From 86400000 to 315360000000',
});

export const notificationService = defineService({
  name: 'notification',
  settings: { mailUrl, mailCa, mailRetentionMs },
  migrations: new URL('./migrations/', import.meta.url),
  topics: [],
  needs: ['events', 'tasks'],
  setup: async ({ settings, serverTrust, storage, outbox, client, run, clock, logger }) => {
    const consumer = await run.consumer(queueNotifications({ users: client(UserServiceContract), outbox, clock }));
    const mailer = await openMailer(settings.mailUrl, {
      retentionMs: settings.mailRetentionMs,
      aging: await openAgingClock(storage, clock),
      trust: serverTrust(settings.mailCa),
      clock,
      logger,
    });
    if (mailer.purge) run.background(mailer.purge);
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
