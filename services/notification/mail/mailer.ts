/** A mail. `id` makes its Message-ID: a mail that is sent twice is recognised as one by the mailbox. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/**
 * Hands mail to the mail system. Resolves when that has it durably. A mail it never takes is refused with a code of the
 * business (INVALID_ARGUMENT, FAILED_PRECONDITION); any other failure says nothing about the mail.
 */
export interface Mailer {
  /** How many mails may be under way at a time without one waiting for another. */
  readonly concurrency: number;
  send(mail: Mail): Promise<void>;
  /** Lets go of what it holds; mails under way may fail. */
  close(): void;
}
