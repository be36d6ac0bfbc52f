/** A failure, as nodemailer reports it. */
export interface SmtpError extends Error {
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
export type SmtpFault = 'mail' | 'wiring' | 'server';

/** Codes of RFC 4954 and for unknown commands: about the client, at any step. */
const aboutTheClient: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538]);
const tooLarge = 552;

/** Judges a failure by the code of the server's answer (RFC 5321, 4.2) and the step that it answers. */
export function judgeSmtp({ code, responseCode = 0, command }: SmtpError): SmtpFault {
  if (code === 'EAUTH') return responseCode >= 400 && responseCode < 500 ? 'server' : 'wiring';
  // Found before sending: the server had announced its maximum size.
  if (code === 'EMESSAGE' && responseCode === 0) return 'mail';
  if (responseCode < 500) return 'server';
  if (aboutTheClient.has(responseCode)) return 'wiring';
  if (code === 'EMESSAGE') return 'mail';
  if (code !== 'EENVELOPE') return 'server';
  return command === 'MAIL FROM' && responseCode !== tooLarge ? 'wiring' : 'mail';
}
