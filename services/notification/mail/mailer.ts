/** A mail. Its Message-ID is derived from `id`, so a mailbox recognises a mail that is sent twice. */
export interface Mail {
  readonly id: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
}

/**
 * Sends mail. `send` resolves when the mail system has stored the mail durably. A mail that can never be sent is
 * refused with INVALID_ARGUMENT or FAILED_PRECONDITION; any other error says nothing about the mail.
 */
export interface Mailer {
  /** The number of mails that can be sent concurrently. */
  readonly concurrency: number;
  send(mail: Mail): Promise<void>;
  /** Removes mails after their retention, while it runs. Only of a mailer that keeps mails. */
  readonly purge?: { start(): Promise<void>; stop(): Promise<void> };
  /** Closes its connections. Mails in progress may fail. */
  close(): void;
}
