import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  describeWithServer,
  eventually,
  publishPlainly,
  type RabbitmqServer,
  rabbitmq,
  startMesh,
  startRabbitmq,
  type TestMesh,
} from '#mesh/testing';
import { userService } from '../user/service.ts';
import { notificationService } from './service.ts';

describeWithServer(rabbitmq, 'the notification service on RabbitMQ and SMTP', () => {
  let broker: RabbitmqServer;
  let mailbox: SMTPServer;
  let mesh: TestMesh;
  const mails: string[] = [];
  const nobody = 'nobody@example.com';

  beforeAll(async () => {
    broker = await startRabbitmq();
    mailbox = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      onRcptTo({ address }, _session, done) {
        done(address === nobody ? Object.assign(new Error('no such mailbox'), { responseCode: 550 }) : null);
      },
      onData(stream, _session, done) {
        void buffer(stream).then((bytes) => {
          mails.push(bytes.toString());
          done();
        });
      },
    });
    mailbox.listen(0, '127.0.0.1');
    await once(mailbox.server, 'listening');
    const { port } = mailbox.server.address() as AddressInfo;
    mesh = await startMesh([userService, notificationService], {
      TASKS_URL: broker.url,
      MAIL_URL: `smtp://127.0.0.1:${port}`,
    });
  }, 60_000);
  afterAll(async () => {
    await mesh.stop();
    await new Promise<void>((resolve) => mailbox.close(resolve));
    await broker.stop();
  });

  it('sends the mail that a program without the mesh queued', async () => {
    await publishPlainly(broker.url, 'email-jobs', { to: 'user@example.com', template: 'welcome' });
    await eventually(() => expect(mails).toEqual([expect.stringContaining('To: user@example.com\r\n')]));
  });

  it('makes a mail that the server refuses permanently a dead letter immediately', async () => {
    await publishPlainly(broker.url, 'email-jobs', { to: nobody, template: 'welcome' });
    const deadLetters = await eventually(async () => {
      const found = await Array.fromAsync(mesh.runtime.tasks.deadLetters.list({}, ''));
      expect(found).toHaveLength(1);
      return found;
    });
    expect(deadLetters).toMatchObject([{ origin: 'email-jobs', reason: 'MAIL_REFUSED', attempts: 1 }]);
  });
});
