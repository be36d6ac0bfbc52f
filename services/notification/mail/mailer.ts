/** A mail. `id` makes its Message-ID: a mail that is sent twice is recognised as one by the mailbox. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/** Hands mail to the mail system. Resolves when that has it durably; a mail it never takes is INVALID_ARGUMENT. */
export interface Mailer {
  send(mail: Mail): Promise<void>;
}
