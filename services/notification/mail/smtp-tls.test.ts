import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SMTPServer } from 'smtp-server';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '#mesh';
import { createTestCa, type TestCa } from '#mesh/testing';
import { createSmtpMailer } from './smtp-mailer.ts';

const mail = { id: 'n1', to: 'ada@example.com', subject: 'Hello', text: 'Hello Ada' };

describe('a mail server with TLS', () => {
  let ca: TestCa;
  let other: TestCa;
  beforeAll(async () => {
    [ca, other] = await Promise.all([createTestCa(), createTestCa('another CA')]);
  });

  /** Sends a mail to a server whose certificate is for `name`; it may ask for the certificate of the client. */
  async function send(
    scheme: 'smtp' | 'smtps',
    { name = '127.0.0.1', trusts = [ca.cert] }: { readonly name?: string; readonly trusts?: readonly string[] } = {},
  ) {
    const clients: unknown[] = [];
    const server = new SMTPServer({
      ...(await ca.sign(name)),
      secure: scheme === 'smtps',
      authOptional: true,
      requestCert: true,
      rejectUnauthorized: false,
      ca: ca.cert,
      onSecure: (socket, _session, done) => {
        if (socket instanceof TLSSocket) clients.push(socket.getPeerCertificate().subjectaltname);
        done();
      },
    });
    server.on('error', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server.server, 'listening');
    onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)));
    const { port } = server.server.address() as AddressInfo;
    const { cert, key } = await ca.sign('notification');
    const mailer = createSmtpMailer(new URL(`${scheme}://127.0.0.1:${port}`), systemClock, {
      timeoutMs: 5_000,
      trust: { ca: trusts[0], cert, key },
    });
    onTestFinished(() => mailer.close());
    await mailer.send(mail);
    return clients;
  }

  it.each(['smtp', 'smtps'] as const)(
    'gets mail if its authority is known, and the certificate of the client: %s',
    async (scheme) => {
      expect(await send(scheme)).toEqual(['DNS:notification']);
    },
  );

  it.each(['smtp', 'smtps'] as const)(
    'gets none by %s if another authority has signed its certificate',
    async (scheme) => {
      const problem = /certificate of 127\.0\.0\.1:\d+ is not trusted .*: set MAIL_CA_FILE to the authority/;
      await expect(send(scheme, { trusts: [other.cert] })).rejects.toThrow(problem);
      await expect(send(scheme, { trusts: [] })).rejects.toThrow(problem);
    },
  );

  it('gets none if its certificate is for another name', async () => {
    await expect(send('smtps', { name: 'mail.example' })).rejects.toThrow(/certificate for another name/);
  });
});
