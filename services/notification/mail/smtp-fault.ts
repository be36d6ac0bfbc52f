/** What nodemailer says of a failure. */
export interface SmtpError extends Error {
  /** The step that failed: `EENVELOPE` (MAIL, RCPT), `EMESSAGE` (DATA), `EAUTH`, `ECONNECTION`, ... */
  readonly code?: string;
  /** What the server answered; `undefined` where it did not. */
  readonly responseCode?: number;
  readonly response?: string;
  /** `MAIL FROM`, `RCPT TO`, `DATA`, ... */
  readonly command?: string;
}

/**
 * What a failure is about:
 * - `mail`: the server refuses this mail for good: its recipient, its size or its text.
 * - `wiring`: the server does not take mail from this installation: password, sender, or a command that it does not know.
 *   A person has to correct that; every mail waits.
 * - `server`: it cannot be reached, or takes no mail now. Every mail waits.
 */
export type SmtpFault = 'mail' | 'wiring' | 'server';

/** RFC 4954, and what a server answers to what it does not know: about the client, at whatever step they come. */
const aboutTheClient: ReadonlySet<number> = new Set([500, 502, 503, 504, 530, 534, 535, 538]);
const tooLarge = 552;

/** Judges a failure of nodemailer by the code of the server's answer (RFC 5321, 4.2) and the step that it answers. */
export function judgeSmtp({ code, responseCode = 0, command }: SmtpError): SmtpFault {
  if (code === 'EAUTH') return responseCode >= 400 && responseCode < 500 ? 'server' : 'wiring';
  // Found before it was sent: the server had said how much it takes.
  if (code === 'EMESSAGE' && responseCode === 0) return 'mail';
  if (responseCode < 500) return 'server';
  if (aboutTheClient.has(responseCode)) return 'wiring';
  if (code === 'EMESSAGE') return 'mail';
  if (code !== 'EENVELOPE') return 'server';
  return command === 'MAIL FROM' && responseCode !== tooLarge ? 'wiring' : 'mail';
}
