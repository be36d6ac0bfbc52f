import { createTransport } from 'nodemailer';
import type { Clock } from '#mesh';
import { mailNotPermitted, mailRefused, mailUnavailable } from '../errors.ts';
import type { Mail, Mailer } from './mailer.ts';
import { defaultSender, formatMessage } from './message.ts';
import { judgeSmtp, type SmtpError } from './smtp-fault.ts';

export interface SmtpOptions {
  /** How long the server may be silent at any point. Default: 30 s. */
  readonly timeoutMs?: number;
}

const maxConnections = 20;
const maxMailsPerConnection = 500;

/**
 * Sends mail over up to 20 connections, which it reuses, with TLS if the server offers it; `smtps:` uses TLS from the
 * start. A password is only sent over TLS. `send` throws FAILED_PRECONDITION `MAIL_REFUSED` for a mail that the server
 * refuses permanently, PERMISSION_DENIED `MAIL_NOT_PERMITTED` if the server accepts no mail from this installation, and
 * UNAVAILABLE `MAIL_UNAVAILABLE` for any other failure, even if the mail may have been sent.
 */
export function createSmtpMailer(url: URL, clock: Clock, { timeoutMs = 30_000 }: SmtpOptions = {}): Mailer {
  const secure = url.protocol === 'smtps:';
  const auth = url.username && { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  const from = url.searchParams.get('from') ?? defaultSender;
  const transport = createTransport({
    pool: true,
    maxConnections,
    maxMessages: maxMailsPerConnection,
    // Tasks retry mails: what is lost with a connection is reported.
    maxRequeues: 1,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port) || (secure ? 465 : 587),
    secure,
    ...(auth ? { auth, requireTLS: !secure } : {}),
    dnsTimeout: timeoutMs,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    // One mail is being sent on each connection, and the next one is ready.
    concurrency: 2 * maxConnections,
    async send(mail) {
      const raw = formatMessage(mail, new Date(clock.now()), from);
      try {
        await transport.sendMail({ envelope: { from, to: mail.to }, raw });
      } catch (error) {
        throw toMailError(error, mail);
      }
    },
    close: () => transport.close(),
  };
}

function toMailError(error: unknown, mail: Mail): Error {
  if (!(error instanceof Error)) return mailUnavailable({ problem: String(error) }, { cause: error });
  const { response, message }: SmtpError = error;
  switch (judgeSmtp(error)) {
    case 'mail':
      return mailRefused({ to: mail.to, answer: response ?? message }, { cause: error });
    case 'wiring':
      return mailNotPermitted({ answer: response ?? message }, { cause: error });
    case 'server':
      return mailUnavailable({ problem: message }, { cause: error });
  }
}
