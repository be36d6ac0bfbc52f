import type { Clock } from '#mesh';
import type { Mailer } from './mailer.ts';

/** Opens the mailer of `MAIL_URL`: `file:<folder>` or `smtp(s)://<user>:<password>@<host>:<port>?from=<address>`. */
export async function openMailer(url: string, clock: Clock): Promise<Mailer> {
  if (url.startsWith('file:')) {
    const { createFileMailer } = await import('./file-mailer.ts');
    return createFileMailer(url.slice('file:'.length), clock);
  }
  const { createSmtpMailer } = await import('./smtp-mailer.ts');
  return createSmtpMailer(new URL(url), clock);
}
