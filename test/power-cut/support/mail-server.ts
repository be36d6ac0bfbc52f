import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer } from 'smtp-server';

/** A mail that a server has accepted. */
export interface AcceptedMail {
  /** The part of its Message-ID before the @. */
  readonly id: string;
  readonly orderId: string;
}

/** A mail server on another machine, whose power does not fail. */
export interface OutsideMailServer extends AsyncDisposable {
  /** For `MAIL_URL`. */
  readonly url: string;
}

/** Starts a mail server. `accepted` is called before the sender learns that it has the mail. */
export async function startMailServer(accepted: (mail: AcceptedMail) => void): Promise<OutsideMailServer> {
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, _session, done) {
      text(stream).then((message) => {
        const id = /^Message-ID: <([^@]+)@/m.exec(message)?.[1] ?? '';
        accepted({ id, orderId: /^Subject: Your order (\S+)/m.exec(message)?.[1] ?? '' });
        done();
      }, done);
    },
  });
  // A client that dies is no fault of the server, and thrown without a listener.
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server.server, 'listening');
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
