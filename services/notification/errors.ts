import { Status } from 'nice-grpc-common';
import { MeshError } from '#mesh';

/** NOT_FOUND `NOTIFICATION_NOT_FOUND`. */
export function notificationNotFound(id: string): MeshError {
  return new MeshError(Status.NOT_FOUND, 'NOTIFICATION_NOT_FOUND', `there is no notification ${id}: check its id`, {
    metadata: { notification_id: id },
  });
}

/** INVALID_ARGUMENT `UNKNOWN_TEMPLATE`. */
export function unknownTemplate(template: string, known: readonly string[]): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNKNOWN_TEMPLATE',
    `there is no mail template ${JSON.stringify(template)}: use one of ${known.join(', ')}`,
  );
}

/** INVALID_ARGUMENT `UNDECODABLE`: a task is no mail job. */
export function unreadableJob(problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNDECODABLE',
    `the mail job cannot be read: ${problem}; send JSON with to and template`,
  );
}

/** INVALID_ARGUMENT `UNDECODABLE`: an event of an order lacks what a mail needs. */
export function unreadableEvent(problem: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNDECODABLE',
    `the order's event cannot be read: ${problem}; mend its producer, or discard it`,
  );
}

/** INVALID_ARGUMENT `UNKNOWN_RECIPIENT`. */
export function unknownRecipient(userId: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'UNKNOWN_RECIPIENT',
    `there is no user ${userId} any more to write to: discard the event, or create the user and redrive it`,
    { metadata: { user_id: userId } },
  );
}

/** INVALID_ARGUMENT `BAD_RECIPIENT`. */
export function badRecipient(to: string): MeshError {
  return new MeshError(
    Status.INVALID_ARGUMENT,
    'BAD_RECIPIENT',
    `${JSON.stringify(to)} is no address that mail can go to: mend it and send the job again`,
  );
}

/** FAILED_PRECONDITION `MAIL_REFUSED`. */
export function mailRefused(to: string, answer: string, cause: unknown): MeshError {
  return new MeshError(
    Status.FAILED_PRECONDITION,
    'MAIL_REFUSED',
    `the mail server refuses mail to ${to} for good: ${answer}; mend the address or the text, and redrive`,
    { cause },
  );
}

/** PERMISSION_DENIED `MAIL_NOT_PERMITTED`: about this installation and not about the mail. */
export function mailNotPermitted(answer: string, cause: unknown): MeshError {
  return new MeshError(
    Status.PERMISSION_DENIED,
    'MAIL_NOT_PERMITTED',
    `the mail server takes no mail from here: ${answer}; correct user, password or sender in MAIL_URL: mails wait`,
    { cause },
  );
}

/** UNAVAILABLE `MAIL_UNAVAILABLE`. */
export function mailUnavailable(problem: string, cause: unknown): MeshError {
  return new MeshError(
    Status.UNAVAILABLE,
    'MAIL_UNAVAILABLE',
    `the mail could not be sent now: ${problem}; it is tried again`,
    { cause },
  );
}
