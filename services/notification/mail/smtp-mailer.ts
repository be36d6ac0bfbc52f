import { createTransport } from 'nodemailer';
import type { Clock } from '../../../mesh/telemetry/clock.ts';
import { mailRefused, mailUnavailable } from '../errors.ts';
import type { Mail, Mailer } from './mailer.ts';
import { defaultSender, formatMessage } from './message.ts';

export interface SmtpOptions {
  /** How long the server may be silent, at any point. Default 30 s. */
  readonly timeoutMs?: number;
}

/** What nodemailer says of a failure. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly responseCode?: number;
  readonly response?: string;
}

/** The failures that are about one mail and not about the server: at MAIL or RCPT, and at DATA. */
const aboutTheMail: ReadonlySet<string | undefined> = new Set(['EENVELOPE', 'EMESSAGE']);

/**
 * Sends each mail over a connection of its own, with TLS where the server offers it; `smtps:` speaks TLS from the start. A
 * password is only sent over TLS. What the server refuses for good is FAILED_PRECONDITION `MAIL_REFUSED`; any other
 * failure is UNAVAILABLE `MAIL_UNAVAILABLE`, also one after which nobody knows whether the mail went out.
 */
export function createSmtpMailer(url: URL, clock: Clock, { timeoutMs = 30_000 }: SmtpOptions = {}): Mailer {
  const secure = url.protocol === 'smtps:';
  const auth = url.username && { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  const from = url.searchParams.get('from') ?? defaultSender;
  const transport = createTransport({
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
    async send(mail) {
      const raw = formatMessage(mail, new Date(clock.now()), from);
      try {
        await transport.sendMail({ envelope: { from, to: mail.to }, raw });
      } catch (error) {
        throw judge(error, mail);
      }
    },
  };
}

function judge(error: unknown, mail: Mail): Error {
  if (!(error instanceof Error)) return mailUnavailable(String(error), error);
  const { code, responseCode = 0, response, message }: SmtpError = error;
  if (responseCode >= 500 && aboutTheMail.has(code)) return mailRefused(mail.to, response ?? message, error);
  return mailUnavailable(message, error);
}
