import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Client, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotificationServiceContract } from '#gen/notification/v1/notification.contract.ts';
import {
  type Notification,
  type NotificationServiceDefinition,
  NotificationState,
} from '#gen/notification/v1/notification.ts';
import { DeadLetterServiceContract } from '#gen/ops/v1/ops.contract.ts';
import type { DeadLetter, DeadLetterServiceDefinition } from '#gen/ops/v1/ops.ts';
import { OrderEvent } from '#gen/order/v1/events.ts';
import { UserServiceContract } from '#gen/user/v1/user.contract.ts';
import type { UserServiceDefinition } from '#gen/user/v1/user.ts';
import type { NewEvent } from '#mesh';
import { describeServicesOnEachDatabase, eventually, startMesh, type TestMesh } from '#mesh/testing';
import { readMails } from '../../test/support/mails.ts';
import { opsService } from '../ops/service.ts';
import { userService } from '../user/service.ts';
import { notificationService } from './service.ts';

const { NOTIFICATION_STATE_QUEUED: queued, NOTIFICATION_STATE_SENT: sent } = NotificationState;

describeServicesOnEachDatabase('the notification service', (settings) => {
  let mesh: TestMesh;
  let notifications: Client<NotificationServiceDefinition>;
  let users: Client<UserServiceDefinition>;
  let deadLetters: Client<DeadLetterServiceDefinition>;
  let mailFolder: string;

  beforeAll(async () => {
    mesh = await startMesh([userService, notificationService, opsService], settings());
    await mesh.runtime.events.ensureTopic('order.events');
    notifications = mesh.runtime.client(NotificationServiceContract);
    users = mesh.runtime.client(UserServiceContract);
    deadLetters = mesh.runtime.client(DeadLetterServiceContract);
    mailFolder = join(mesh.dataDir, 'mail');
  });
  afterAll(() => mesh.stop());

  async function newUser(): Promise<string> {
    const id = `user-${randomUUID()}`;
    await users.createUser({ user: { id, name: 'Ada', email: `${id}@example.com` } });
    return id;
  }

  /** An event of an order as a plain producer writes it, without headers. */
  function plainEvent(value: Record<string, unknown>): NewEvent {
    const key = typeof value.orderId === 'string' ? value.orderId : 'none';
    return { topic: 'order.events', key, headers: {}, value: Buffer.from(JSON.stringify(value)), timeMs: Date.now() };
  }

  function placed(userId: string, orderId = `order-${randomUUID()}`): NewEvent {
    return plainEvent({ type: 'ORDER_PLACED', orderId, userId });
  }

  const publish = (...events: NewEvent[]) => mesh.runtime.events.publish(events);

  /** The notifications about an order once there are `count` and all of them are sent. */
  function sentAbout(orderId: string, count = 1): Promise<Notification[]> {
    return eventually(async () => {
      const found = await Array.fromAsync(notifications.listNotifications({ orderId }));
      expect(found.map(({ state }) => state)).toEqual(Array(count).fill(sent));
      return found;
    });
  }

  function deadLetterAbout(subjectId: string): Promise<DeadLetter> {
    return eventually(async () => {
      const found = (await Array.fromAsync(deadLetters.listDeadLetters({}))).find((one) => one.subjectId === subjectId);
      return found ?? expect.fail('no dead letter yet');
    });
  }

  function readMail(id: string): string {
    return readMails(mailFolder).find((mail) => mail.id === id)?.text ?? '';
  }

  describe('an event of an order', () => {
    it('becomes one mail, even if it is delivered twice', async () => {
      const userId = await newUser();
      const event = placed(userId);
      const headers = { ce_id: randomUUID(), ce_source: '//ordermesh/order', ce_type: 'ORDER_PLACED' };
      const twice = { ...event, headers };
      const after = placed(userId, event.key);
      await publish(twice, twice, after);
      const [first, second, ...others] = await sentAbout(event.key, 2);
      expect(others).toEqual([]);
      expect([first?.id, second?.id]).toContain(twice.headers.ce_id);
      expect(first).toMatchObject({ userId, orderId: event.key, template: 'order-placed', attempts: 1, lastError: '' });
      const mail = readMail(twice.headers.ce_id);
      expect(mail).toContain(`To: ${userId}@example.com\n`);
      expect(mail).toContain(`Subject: Your order ${event.key} is placed\n`);
      expect(mail).toContain('Hello Ada,');
      expect(readMails(mailFolder).filter((one) => one.id === twice.headers.ce_id)).toHaveLength(1);
    });

    it('is understood without the contract, with a total that is a number', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      const timestamp = new Date().toISOString();
      await publish(plainEvent({ type: 'ORDER_PLACED', orderId, userId, total: 42.5, timestamp }));
      await expect(sentAbout(orderId)).resolves.toMatchObject([{ userId, template: 'order-placed' }]);
    });

    it.each([
      { total: { minorUnits: 12.5 } },
      { total: null, version: 'two', timestamp: 'yesterday' },
      { order: 'none' },
      { order: { failure: 7 } },
    ])('is understood with additional members, as in %j', async (members) => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      await publish(plainEvent({ type: 'ORDER_COMPLETED', orderId, userId, ...members }));
      await expect(sentAbout(orderId)).resolves.toMatchObject([{ template: 'order-completed' }]);
    });

    it('is understood in the binary format, with the reason of a failed order', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      const failure = { reason: 'INSUFFICIENT_STOCK', message: 'there are no more books' };
      const value = OrderEvent.encode(OrderEvent.fromPartial({ orderId, userId, order: { failure } })).finish();
      const headers = { 'content-type': 'application/protobuf', ce_type: 'ORDER_FAILED' };
      await publish({ ...placed(userId, orderId), headers, value });
      const [notification] = await sentAbout(orderId);
      expect(readMail(notification?.id ?? '')).toContain('The reason: there are no more books');
    });

    it('becomes a mail to the current address of the user', async () => {
      const userId = await newUser();
      const before = placed(userId);
      await publish(before);
      await expect(sentAbout(before.key)).resolves.toMatchObject([{ to: `${userId}@example.com` }]);
      const user = await users.getUser({ id: userId });
      await users.updateUser({ user: { ...user, email: `${userId}@example.org` } });
      const after = placed(userId);
      await publish(after);
      const [notification] = await sentAbout(after.key);
      expect(readMail(notification?.id ?? '')).toContain(`To: ${userId}@example.org\n`);
    });

    it('becomes no mail if the user was deleted after the previous mail', async () => {
      const userId = await newUser();
      const before = placed(userId);
      await publish(before);
      await sentAbout(before.key);
      await users.deleteUser({ id: userId });
      const after = placed(userId);
      await publish(after);
      await expect(deadLetterAbout(after.key)).resolves.toMatchObject({ reason: 'UNKNOWN_RECIPIENT', attempts: 1 });
    });

    it('becomes no mail if its type has no template', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      await publish(plainEvent({ type: 'ORDER_RESERVED', orderId, userId }), placed(userId, orderId));
      await expect(sentAbout(orderId)).resolves.toMatchObject([{ template: 'order-placed' }]);
    });

    it('becomes a dead letter if it cannot be read, stays one when it is redriven, and blocks no other', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      const broken = { ...placed(userId, orderId), headers: { ce_type: 'ORDER_PLACED' }, value: Buffer.from('{') };
      await publish(broken, placed(userId, orderId));
      await sentAbout(orderId);
      const { id, ...deadLetter } = await deadLetterAbout(orderId);
      expect(deadLetter).toMatchObject({
        reason: 'UNDECODABLE',
        origin: 'order.events/notification-service',
        attempts: 1,
      });
      const redriven = await deadLetters.redriveDeadLetters({ ids: [id] });
      expect(redriven).toMatchObject({ redrivenIds: [], failures: [{ id, reason: 'UNDECODABLE' }] });
    });

    it.each([
      [{ userId: 'ada' }, 'it has no orderId'],
      [{ orderId: 'order 1', userId: 'ada' }, 'its orderId is not a valid id'],
      [{ orderId: 'no-user' }, 'it has no userId'],
      [{ orderId: 42 }, 'its orderId is of the type number instead of string, it has no userId'],
      [{ orderId: 'x', userId: ['ada'] }, 'its userId is of the type array instead of string'],
    ])('becomes a dead letter that says what is wrong with the ids of %j', async (ids, problem) => {
      const key = randomUUID();
      await publish({ ...plainEvent({ type: 'ORDER_PLACED', ...ids }), key });
      const expected = { reason: 'UNDECODABLE', attempts: 1, error: expect.stringContaining(problem) };
      await expect(deadLetterAbout(key)).resolves.toMatchObject(expected);
    });

    it('becomes a dead letter immediately if the user was deleted, and a mail when it is redriven after the user is back', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      await users.deleteUser({ id: userId });
      await publish(placed(userId, orderId));
      const { id, ...deadLetter } = await deadLetterAbout(orderId);
      expect(deadLetter).toMatchObject({ reason: 'UNKNOWN_RECIPIENT', attempts: 1 });
      await users.createUser({ user: { id: userId, name: 'Ada', email: `${userId}@example.com` } });
      await expect(deadLetters.redriveDeadLetters({ ids: [id] })).resolves.toMatchObject({ redrivenIds: [id] });
      await sentAbout(orderId);
    });
  });

  describe('a mail job', () => {
    const enqueue = (id: string, job: object) =>
      mesh.runtime.tasks.enqueue('email-jobs', [{ id, payload: Buffer.from(JSON.stringify(job)), headers: {} }]);

    it('is sent, no matter who queued it', async () => {
      const id = randomUUID();
      await enqueue(id, { to: 'user@example.com', template: 'welcome' });
      await eventually(async () => expect(readMail(id)).toContain('good to have you with us'));
    });

    it('becomes a dead letter if its template is unknown', async () => {
      const id = randomUUID();
      await enqueue(id, { to: 'user@example.com', template: 'nothing-known' });
      await expect(deadLetterAbout(id)).resolves.toMatchObject({
        reason: 'UNKNOWN_TEMPLATE',
        origin: 'email-jobs',
        attempts: 1,
      });
    });

    it('is retried until it is sent', async () => {
      const [userId, orderId] = [await newUser(), `order-${randomUUID()}`];
      await rm(mailFolder, { recursive: true });
      await writeFile(mailFolder, 'a file in its place');
      await publish(placed(userId, orderId));
      const failed = await eventually(async () => {
        const [waiting] = await Array.fromAsync(notifications.listNotifications({ orderId }));
        expect(waiting).toMatchObject({ state: queued, lastError: 'mail could not be sent: see the log' });
        return waiting?.attempts ?? 0;
      });
      await rm(mailFolder);
      const [mail] = await sentAbout(orderId);
      expect([Number(mail?.attempts) > failed, mail?.lastError]).toEqual([true, '']);
    });
  });

  it('lists notifications in id order, of a user or an order, and resumes after an id', async () => {
    const userId = await newUser();
    const orderIds = [randomUUID(), randomUUID(), randomUUID()];
    await publish(...orderIds.map((orderId) => placed(userId, orderId)));
    const all = (await Promise.all(orderIds.map((orderId) => sentAbout(orderId)))).flat();
    const inOrder = all.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    await expect(Array.fromAsync(notifications.listNotifications({ userId }))).resolves.toEqual(inOrder);
    const [first, second] = inOrder;
    const next = Array.fromAsync(notifications.listNotifications({ userId, afterId: first?.id ?? '', limit: 1 }));
    await expect(next).resolves.toEqual([second]);
    await expect(notifications.getNotification({ id: first?.id ?? '' })).resolves.toEqual(first);
    await expect(notifications.getNotification({ id: 'unknown' })).rejects.toMatchObject({
      code: Status.NOT_FOUND,
      reason: 'NOTIFICATION_NOT_FOUND',
    });
  });
});
