import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { eventually, startMesh, tempFolder } from '#mesh/testing';
import { readMails } from '../../test/support/mails.ts';
import { notificationService } from './service.ts';

/** A user service that takes connections and answers nothing. */
async function hangingUserService(): Promise<{ readonly address: string; readonly called: Promise<unknown> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => sockets.add(socket.on('error', () => undefined).resume()));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, called: once(server, 'connection') };
}

it('the notification service takes no more mails while it stops, even if an event hangs, and sends them after the next start', async () => {
  const folder = await tempFolder();
  onTestFinished(() => folder[Symbol.asyncDispose]());
  const dataDir = folder.path;
  const userService = await hangingUserService();
  const settings = { DATA_DIR: dataDir, DISCOVERY_URL: `static:user=${userService.address}` };
  const mails = () => readMails(join(dataDir, 'mail')).map((mail) => mail.id);

  const first = await startMesh([notificationService], settings);
  await first.runtime.events.ensureTopic('order.events');
  const event = { type: 'ORDER_PLACED', orderId: 'order-1', userId: 'ada' };
  const value = Buffer.from(JSON.stringify(event));
  await first.runtime.events.publish([
    { topic: 'order.events', key: 'order-1', headers: {}, value, timeMs: Date.now() },
  ]);
  await userService.called;
  const stopped = first.stop();
  const id = randomUUID();
  const payload = Buffer.from(JSON.stringify({ to: 'ada@example.com', template: 'welcome' }));
  await first.runtime.tasks.enqueue('email-jobs', [{ id, payload, headers: {} }]);
  await stopped;
  expect(mails()).toEqual([]);

  const second = await startMesh([notificationService], settings);
  onTestFinished(() => second.stop());
  await eventually(() => expect(mails()).toEqual([id]));
});
