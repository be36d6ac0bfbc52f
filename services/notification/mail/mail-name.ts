import { uuidv5 } from '#mesh';

/**
 * Returns the name of a mail in its Message-ID: its id if that is plain and short, otherwise a name derived from it. The
 * same id gives the same name, and no id escapes from the header.
 */
export function mailName(id: string): string {
  return /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$/.test(id) ? id : uuidv5('mail', id);
}
