import type { ServerTrust } from '#mesh';
import type { FileMailerOptions } from './file-mailer.ts';
import type { Mailer } from './mailer.ts';

/** Opens the mailer of `MAIL_URL`: `file:<folder>` or `smtp(s)://<user>:<password>@<host>:<port>?from=<address>`. */
export async function openMailer(
  url: string,
  { trust, ...options }: FileMailerOptions & { readonly trust: ServerTrust },
): Promise<Mailer> {
  if (url.startsWith('file:')) {
    const { createFileMailer } = await import('./file-mailer.ts');
    return createFileMailer(url.slice('file:'.length), options);
  }
  const { createSmtpMailer } = await import('./smtp-mailer.ts');
  return createSmtpMailer(new URL(url), options.clock, { trust });
}
