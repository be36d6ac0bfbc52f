import { createTransport } from 'nodemailer';
import SMTPPool from 'nodemailer/lib/smtp-pool';
import { type Clock, isLocal, type ServerTrust, trustOptions } from '#mesh';
import { mailNotPermitted, mailRefused, mailUnavailable } from '../errors.ts';
import type { Mail, Mailer } from './mailer.ts';
import { defaultSender, formatMessage } from './message.ts';

export interface SmtpOptions {
  /** How long the server may be silent at any point. Default: 30 s. */
  readonly timeoutMs?: number;
  /** How the server is checked. Default: by the authorities of Node. */
  readonly trust?: ServerTrust;
}

const maxConnections = 20;
const maxMailsPerConnection = 500;

/**
 * Sends mail over up to 20 connections, which it reuses, with TLS if the server offers it; `smtps:` uses TLS from the
 * start. A server on another machine has to offer it, unless the URL has `tls=off`. A password is only sent over TLS.
 * `send` throws FAILED_PRECONDITION `MAIL_REFUSED` for a mail that the server refuses permanently, PERMISSION_DENIED
 * `MAIL_NOT_PERMITTED` if the server accepts no mail from this installation, and UNAVAILABLE `MAIL_UNAVAILABLE` for any
 * other failure, even if the mail may have been sent.
 */
export function createSmtpMailer(url: URL, clock: Clock, { timeoutMs = 30_000, trust }: SmtpOptions = {}): Mailer {
  const secure = url.protocol === 'smtps:';
  const auth = url.username && { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) };
  // Whoever is between this machine and another could remove the offer of TLS, and read all mails.
  const mustEncrypt = !secure && !isLocal(`${url.hostname}:`) && url.searchParams.get('tls') !== 'off';
  const from = url.searchParams.get('from') ?? defaultSender;
  const pool = new SMTPPool({
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
    ...(mustEncrypt ? { requireTLS: true } : {}),
  });
  // Given to the constructor, they are copied once.
  pool.options.tls = trustOptions(trust);
  const transport = createTransport(pool);
  return {
    // One mail is being sent on each connection, and the next one is ready.
    concurrency: 2 * maxConnections,
    async send(mail) {
      const raw = formatMessage(mail, new Date(clock.now()), from);
      try {
        await transport.sendMail({ envelope: { from, to: mail.to }, raw });
      } catch (error) {
        throw toMailError(error, mail, url.host);
      }
    },
    close: () => transport.close(),
  };
}

function toMailError(error: unknown, mail: Mail, server: string): Error {
  if (!(error instanceof Error)) return mailUnavailable({ problem: String(error) }, { cause: error });
  const { response, message }: SmtpError = error;
  switch (judgeSmtp(error)) {
    case 'mail':
      return mailRefused({ to: mail.to, answer: response ?? message }, { cause: error });
    case 'wiring':
      return mailNotPermitted({ answer: response ?? message }, { cause: error });
    case 'server':
      return mailUnavailable({ problem: withTlsAdvice(message, server) }, { cause: error });
  }
}

/** The library replaces the codes of TLS by its own, so its text is all that is left. */
function withTlsAdvice(message: string, server: string): string {
  if (/altnames/.test(message))
    return `${server} has a certificate for another name (${message}): use one that is in it`;
  if (!/self.signed|issuer|verify the first|signature/i.test(message)) return message;
  return `the certificate of ${server} is not trusted (${message}): set MAIL_CA_FILE to the authority that signed it`;
}

/** A failure, as nodemailer reports it. */
interface SmtpError extends Error {
  /** The step that failed: `EENVELOPE` (MAIL, RCPT), `EMESSAGE` (DATA), `EAUTH`, `ECONNECTION`, ... */
  readonly code?: string;
  /** The server's answer; `undefined` if there was none. */
  readonly responseCode?: number;
  readonly response?: string;
  /** `MAIL FROM`, `RCPT TO`, `DATA`, ... */
  readonly command?: string;
}

/**
 * What caused a failure:
 * - `mail`: the server refuses this mail permanently: its recipient, its size or its text.
 * - `wiring`: the server accepts no mail from this installation: password, sender, or a command that it does not know.
 *   A person has to fix that; every mail waits.
 * - `server`: it cannot be reached, or accepts no mail now. Every mail waits.
 */
type SmtpFault = 'mail' | 'wiring' | 'server';

/** Codes of RFC 4954 and for unknown commands: about the client, at any step. */
const aboutTheClient: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538]);
const tooLarge = 552;

/** Judges a failure by the code of the server's answer (RFC 5321, 4.2) and the step that it answers. */
function judgeSmtp({ code, responseCode = 0, command }: SmtpError): SmtpFault {
  if (code === 'EAUTH') return responseCode >= 400 && responseCode < 500 ? 'server' : 'wiring';
  // Found before sending: the server had announced its maximum size.
  if (code === 'EMESSAGE' && responseCode === 0) return 'mail';
  if (responseCode < 500) return 'server';
  if (aboutTheClient.has(responseCode)) return 'wiring';
  if (code === 'EMESSAGE') return 'mail';
  if (code !== 'EENVELOPE') return 'server';
  return command === 'MAIL FROM' && responseCode !== tooLarge ? 'wiring' : 'mail';
}
