import { uuidv5 } from '#mesh';

/**
 * What a mail's file and Message-ID are called: the mail's id where that is plain and short, otherwise a name made from it.
 * The same id gives the same name, and no id leads out of a folder or a header.
 */
export function mailName(id: string): string {
  return /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,99}$/.test(id) ? id : uuidv5('mail', id);
}
