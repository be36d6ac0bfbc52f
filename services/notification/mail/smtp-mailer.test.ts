import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, describe, expect, it } from 'vitest';
import { createTestClock } from '#mesh/testing';
import type { Mail, Mailer } from './mailer.ts';
import { createSmtpMailer } from './smtp-mailer.ts';

const clock = createTestClock(Date.parse('2026-03-04T05:06:07Z'));
const mail: Mail = { id: 'task-7', to: 'ann@example.com', subject: 'Grüße', text: 'Hello Ann,\n\n.\nit is sent.\n' };
/** `silentMs`: for servers that are silent. Others may take longer than that on a busy machine. */
const [timeoutMs, silentMs] = [10_000, 300];
const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A mailer to a server of its own, which answers as `options` say. */
async function mailerTo(
  options: SMTPServerOptions,
  credentials = '',
  query = '',
  { host = '127.0.0.1', limitMs = timeoutMs } = {},
): Promise<Mailer> {
  const server = new SMTPServer({ authOptional: true, disabledCommands: ['STARTTLS'], ...options });
  // A client that goes away is no fault of the server, and thrown without a listener.
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  cleanups.push(() => new Promise<void>((resolve) => server.close(resolve)));
  const { port } = server.server.address() as AddressInfo;
  return closed(
    createSmtpMailer(new URL(`smtp://${credentials}${host}:${port}${query}`), clock, { timeoutMs: limitMs }),
  );
}

/** Closes a mailer before its server. */
function closed(mailer: Mailer): Mailer {
  cleanups.unshift(async () => mailer.close());
  return mailer;
}

/** A mailer to a server that handles connections with a function. */
async function mailerToSocket(onConnection: (socket: Socket) => void, limitMs = timeoutMs): Promise<Mailer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(async () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return closed(createSmtpMailer(new URL(`smtp://127.0.0.1:${port}`), clock, { timeoutMs: limitMs }));
}

function answer(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

const unavailable = { code: 14, reason: 'MAIL_UNAVAILABLE' };
const refused = { code: 9, reason: 'MAIL_REFUSED' };
const notPermitted = { code: 7, reason: 'MAIL_NOT_PERMITTED' };

describe('the SMTP mailer', () => {
  it('resolves when the server has accepted the mail, whose Message-ID is its id', async () => {
    const taken: { from: string; to: string[]; text: string }[] = [];
    const mailer = await mailerTo({
      async onData(stream, { envelope }, done) {
        const text = (await buffer(stream)).toString();
        const from = envelope.mailFrom ? envelope.mailFrom.address : '';
        taken.push({ from, to: envelope.rcptTo.map((to) => to.address), text });
        done();
      },
    });
    await mailer.send(mail);
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatchObject({ from: 'orders@ordermesh.invalid', to: ['ann@example.com'] });
    expect(taken[0]?.text).toContain('Message-ID: <task-7@ordermesh.invalid>\r\n');
    expect(taken[0]?.text).toContain('Date: Wed, 04 Mar 2026 05:06:07 +0000\r\n');
    const body = taken[0]?.text.split('\r\n\r\n')[1] ?? '';
    expect(Buffer.from(body, 'base64').toString()).toBe(mail.text);
  });

  it('uses the sender of its URL', async () => {
    const senders: unknown[] = [];
    const mailer = await mailerTo(
      {
        onMailFrom(address, _session, done) {
          senders.push(address.address);
          done();
        },
      },
      '',
      '?from=shop@example.org',
    );
    await mailer.send(mail);
    expect(senders).toEqual(['shop@example.org']);
  });

  it.each([421, 451, 452])('reports a server that answers %i as unavailable', async (code) => {
    const mailer = await mailerTo({ onRcptTo: (_to, _session, done) => done(answer(code, 'not now')) });
    await expect(mailer.send(mail)).rejects.toMatchObject(unavailable);
  });

  it.each([550, 553])('reports a recipient that is answered with %i as refused permanently', async (code) => {
    const mailer = await mailerTo({ onRcptTo: (_to, _session, done) => done(answer(code, 'no such mailbox')) });
    await expect(mailer.send(mail)).rejects.toMatchObject(refused);
    await expect(mailer.send(mail)).rejects.toThrow(/ann@example\.com.*no such mailbox/);
  });

  it.each([
    [451, unavailable],
    [554, refused],
  ])('judges a mail that is answered with %i after DATA', async (code, expected) => {
    const mailer = await mailerTo({
      onData(stream, _session, done) {
        stream.resume().on('end', () => done(answer(code, 'looked at it')));
      },
    });
    await expect(mailer.send(mail)).rejects.toMatchObject(expected);
  });

  it.each([530, 550, 553])('does not blame the mail when its sender is answered with %i', async (code) => {
    const mailer = await mailerTo({ onMailFrom: (_from, _session, done) => done(answer(code, 'not you')) });
    await expect(mailer.send(mail)).rejects.toMatchObject(notPermitted);
  });

  it.each([530, 535])('does not blame the mail when its recipient is answered with %i', async (code) => {
    const mailer = await mailerTo({ onRcptTo: (_to, _session, done) => done(answer(code, 'log in first')) });
    await expect(mailer.send(mail)).rejects.toMatchObject(notPermitted);
  });

  it('reports a mail that is answered with 552 to MAIL as refused permanently', async () => {
    const mailer = await mailerTo({ onMailFrom: (_from, _session, done) => done(answer(552, 'too large')) });
    await expect(mailer.send(mail)).rejects.toMatchObject(refused);
  });

  it('sends many mails over a few connections, several at a time', async () => {
    let connections = 0;
    let taken = 0;
    const mailer = await mailerTo({
      onConnect(_session, done) {
        connections += 1;
        done();
      },
      onData(stream, _session, done) {
        stream.resume().on('end', () => {
          taken += 1;
          done();
        });
      },
    });
    await Promise.all(Array.from({ length: 200 }, (_, index) => mailer.send({ ...mail, id: `m-${index}` })));
    expect(taken).toBe(200);
    expect(connections).toBeGreaterThan(1);
    expect(connections).toBeLessThanOrEqual(20);
  });

  it('opens a new connection if the server has closed the previous one', async () => {
    let connections = 0;
    const mailer = await mailerToSocket((socket) => {
      connections += 1;
      socket.write('220 mail.test ESMTP\r\n');
      let inData = false;
      socket.on('data', (chunk) => {
        for (const line of chunk.toString().split('\r\n')) {
          if (inData && line !== '.') continue;
          if (line === '') continue;
          if (line === 'DATA') {
            inData = true;
            socket.write('354 go on\r\n');
          } else if (line === '.') {
            inData = false;
            socket.end('250 taken\r\n');
          } else socket.write('250 ok\r\n');
        }
      });
    });
    await mailer.send(mail);
    await mailer.send(mail);
    expect(connections).toBe(2);
  });

  it('fails if the server is silent after DATA', async () => {
    const mailer = await mailerTo({ onData: (stream) => void stream.resume() }, '', '', { limitMs: silentMs });
    await expect(mailer.send(mail)).rejects.toMatchObject(unavailable);
  });

  it('fails if the server does not greet', async () => {
    const mailer = await mailerToSocket(() => undefined, silentMs);
    await expect(mailer.send(mail)).rejects.toMatchObject(unavailable);
  });

  it('reports a cut connection as unavailable', async () => {
    const mailer = await mailerToSocket((socket) => {
      socket.write('220 mail.test ESMTP\r\n');
      socket.once('data', () => socket.destroy());
    });
    await expect(mailer.send(mail)).rejects.toMatchObject(unavailable);
  });

  it('reports a server that accepts no mail, or cannot be reached, as unavailable', async () => {
    const unwilling = await mailerToSocket((socket) => socket.end('554 no mail here\r\n'));
    await expect(unwilling.send(mail)).rejects.toMatchObject(unavailable);
    const nobody = createSmtpMailer(new URL('smtp://127.0.0.1:1'), clock, { timeoutMs });
    await expect(nobody.send(mail)).rejects.toMatchObject(unavailable);
  });

  it('sends no password over an unencrypted connection', async () => {
    let asked = 0;
    const mailer = await mailerTo(
      {
        allowInsecureAuth: true,
        onAuth(_auth, _session, done) {
          asked += 1;
          done(null, { user: 'me' });
        },
      },
      'me:secret@',
    );
    await expect(mailer.send(mail)).rejects.toMatchObject(notPermitted);
    expect(asked).toBe(0);
  });

  it('refuses an invalid recipient before it contacts the server', async () => {
    const mailer = createSmtpMailer(new URL('smtp://127.0.0.1:1'), clock, { timeoutMs });
    await expect(mailer.send({ ...mail, to: 'a@b>\r\nBcc: c@d' })).rejects.toMatchObject({ reason: 'BAD_RECIPIENT' });
  });
});

// That address is no loopback address to the mailer, and leads to the server of the test all the same.
it('sends no mail in clear text to another machine, unless the URL says so', async () => {
  const got: string[] = [];
  const onData: SMTPServerOptions['onData'] = (stream, session, done) => {
    got.push(session.envelope.rcptTo.map(({ address }) => address).join());
    stream.on('end', () => done()).resume();
  };
  const strict = await mailerTo({ onData }, '', '', { host: '0.0.0.0' });
  await expect(strict.send(mail)).rejects.toMatchObject(notPermitted);
  expect(got).toEqual([]);
  const open = await mailerTo({ onData }, '', '?tls=off', { host: '0.0.0.0' });
  await open.send(mail);
  expect(got).toEqual([mail.to]);
});
