import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { loadMigrations, openStorage, type Storage, type Task } from '#mesh';
import { createLogger, createTestClock, describeOnEachDatabase, type TempFolder, tempFolder } from '#mesh/testing';
import { readMails } from '../../test/support/mails.ts';
import { createFileMailer } from './mail/file-mailer.ts';
import { mailQueue, mailTask } from './mail-job.ts';
import { type Notification, newNotification } from './notification.ts';
import { sendMail } from './send-mail.ts';
import { findNotification, insertNotification } from './store.ts';

describe('sendMail', () => {
  describeOnEachDatabase((newUrl) => {
    const clock = createTestClock();
    let storage: Storage;
    let folder: TempFolder;
    let mailFolder: string;
    let send: (task: Task) => Promise<void>;
    let count = 0;

    beforeAll(async () => {
      storage = await openStorage(newUrl());
      await storage.migrate('notification', await loadMigrations(new URL('./migrations/', import.meta.url)));
    });
    afterAll(() => storage.close());
    beforeEach(async () => {
      folder = await tempFolder();
      mailFolder = join(folder.path, 'mail');
      const options = { retentionMs: 1, aging: { nowMs: () => 0 }, clock, logger: createLogger('silent') };
      const deps = { storage, mailer: await createFileMailer(mailFolder, options), clock };
      send = async (task) => await sendMail(mailQueue.jobOf(task), task, deps);
    });
    afterEach(() => folder[Symbol.asyncDispose]());

    /** A notification that is to be sent, with the task that does. */
    async function newTask(values: Partial<Notification> = {}): Promise<Task> {
      const ada = { id: 'ada', email: 'ada@example.com' };
      const notification = { ...newNotification(`mail-${++count}`, 'order-placed', 'order-1', ada, 1), ...values };
      await storage.transaction((tx) => insertNotification(tx, notification));
      return taskOf(mailTask(notification, { name: 'Ada', message: '' }).payload, notification.id);
    }

    function taskOf(payload: Uint8Array | object, id = `task-${++count}`): Task {
      const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
      return { id, payload: bytes, headers: {}, queue: 'email-jobs', attempt: 1, lastAttempt: false };
    }

    /** Lets no mail be written until the file in the folder's place is removed. */
    async function blockMails(): Promise<void> {
      await rm(mailFolder, { recursive: true });
      await writeFile(mailFolder, 'a file in its place');
    }

    const recordOf = async ({ id }: Task) => {
      const found = await findNotification(storage, id);
      return found && [found.state, found.attempts, found.lastError];
    };

    it('records a sent mail with its notification and does not send it again', async () => {
      const task = await newTask();
      await send(task);
      expect(await recordOf(task)).toEqual(['SENT', 1, '']);
      await blockMails();
      await send(task);
      expect(await recordOf(task)).toEqual(['SENT', 1, '']);
    });

    it('records a failure, and sends the mail in a later attempt', async () => {
      const task = await newTask();
      await blockMails();
      await expect(send(task)).rejects.toThrow('EEXIST');
      expect(await recordOf(task)).toEqual(['QUEUED', 1, 'mail could not be sent: see the log']);
      await rm(mailFolder);
      await send(task);
      expect(await recordOf(task)).toEqual(['SENT', 2, '']);
    });

    it('marks a mail DEAD when its last attempt fails, until the task is redriven', async () => {
      const task = await newTask();
      await blockMails();
      await expect(send({ ...task, lastAttempt: true })).rejects.toThrow('EEXIST');
      expect(await recordOf(task)).toEqual(['DEAD', 1, 'mail could not be sent: see the log']);
      await rm(mailFolder);
      await send(task);
      expect(await recordOf(task)).toEqual(['SENT', 2, '']);
    });

    it('marks a mail DEAD after one attempt if no further one helps', async () => {
      const task = await newTask({ to: 'nobody' });
      await expect(send(task)).rejects.toMatchObject({ reason: 'BAD_RECIPIENT' });
      expect(await recordOf(task)).toEqual(['DEAD', 1, expect.stringContaining('"nobody"')]);
    });

    it('needs no more than an address and a template', async () => {
      await send(taskOf({ to: 'user@example.com', template: 'welcome' }, 'of-others'));
      expect(readMails(mailFolder).map(({ id }) => id)).toEqual(['of-others']);
    });

    const unreadable: Record<string, Uint8Array | object> = {
      'no JSON': Buffer.from('hello'),
      'no UTF-8': Uint8Array.of(0xff, 0xfe),
      'no object': [],
      null: Buffer.from('null'),
      'no address': { template: 'welcome' },
      'no template': { to: 'user@example.com' },
      'an address that is no text': { to: 7, template: 'welcome' },
      'a notification that is no id': { to: 'user@example.com', template: 'welcome', notificationId: 'a\0b' },
    };
    it.each(Object.keys(unreadable))('refuses a task permanently if it has %s', async (fault) => {
      await expect(send(taskOf(unreadable[fault] ?? {}))).rejects.toMatchObject({ reason: 'UNDECODABLE' });
    });

    it('refuses a task permanently if its template is unknown', async () => {
      const task = taskOf({ to: 'user@example.com', template: 'constructor' });
      await expect(send(task)).rejects.toMatchObject({ reason: 'UNKNOWN_TEMPLATE' });
    });
  });
});
